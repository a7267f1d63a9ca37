//! A PostgreSQL of one's own.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{Error, Result, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::debian::{installed, is_root};
use crate::process::free_port;

/// How long a server may take to start, recovery after a crash included, or to stop.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs the server for as long as this process holds the other end of the pipe, however it ends, and
/// then clears up.
const WATCH: &str = r#"
"$1" -D "$2/data" >>"$2/log" 2>&1 &
server=$!
echo "$server" >"$2/pid"
read -r what
case $what in
leave) wait "$server" ;;
*) kill -QUIT "$server"; wait "$server"; rm -rf "$2" ;;
esac
"#;

/// A PostgreSQL on a free port of the loopback interface, with a data folder of its own.
///
/// It takes every connection from this machine as the superuser `postgres`. It is stopped, and its
/// folder removed, when it is dropped or when this process ends, in whatever way.
///
/// The programs are those of the newest version on the machine; if there is none, Debian's package
/// `postgresql` is installed. PostgreSQL refuses to run as root, so for root it runs as the user
/// `postgres` or `nobody`.
///
/// ```no_run
/// use test_servers::PostgresServer;
///
/// let server = PostgresServer::start();
/// println!("{}", server.url()); // postgres://postgres@127.0.0.1:10123/postgres
/// ```
#[derive(Debug)]
pub struct PostgresServer {
    programs: PathBuf,
    user: Option<User>,
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
    watcher: Mutex<Option<Child>>,
}

/// Whom the server runs as.
#[derive(Clone, Copy, Debug)]
struct User {
    uid: u32,
    gid: u32,
}

impl PostgresServer {
    /// Starts a server that does not wait for the disk: quick, and whole after
    /// [`kill`](Self::kill), but not after the machine went down.
    ///
    /// # Panics
    ///
    /// Panics if PostgreSQL cannot be found, installed or started.
    pub fn start() -> Self {
        Self::start_with("fsync = off\nfull_page_writes = off\n")
            .expect("PostgreSQL can be started")
    }

    /// Starts a server that keeps what it acknowledges, as one in earnest does.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn start_durable() -> Self {
        Self::start_with("").expect("PostgreSQL can be started")
    }

    fn start_with(settings: &str) -> Result<Self> {
        let programs = installed("postgresql", find_programs);
        let user = unprivileged()?;
        let folder = own_folder(user)?;
        let mut server = Self {
            programs,
            user,
            folder,
            port: 0,
            databases: AtomicU32::new(0),
            watcher: Mutex::new(None),
        };
        if let Err(error) = server.set_up(settings) {
            let _ = fs::remove_dir_all(&server.folder);
            return Err(error);
        }
        Ok(server)
    }

    fn set_up(&mut self, settings: &str) -> Result<()> {
        let data = self.folder.join("data");
        let mut initdb = self.command("initdb");
        initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8"]);
        initdb.args(["--locale=C", "--no-sync", "--no-instructions", "-D"]);
        run(initdb.arg(&data))?;

        // Somebody else may take the port before the server does.
        let mut failure = Error::other("no free port");
        for _ in 0..5 {
            self.port = free_port(|_| None);
            let mut file = File::create(data.join("postgresql.auto.conf"))?;
            write!(
                file,
                "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\n\
                 max_connections = 200\nshared_buffers = 16MB\nlog_min_messages = log\n{settings}",
                self.port
            )?;
            match self.launch() {
                Ok(()) => return Ok(()),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Where to connect to: the database `postgres`, which is empty at first.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Where a program is that comes with the server, such as `pg_dump` or `psql`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes another empty database and says where it is.
    ///
    /// # Panics
    ///
    /// Panics if the server does not run.
    pub fn create_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let mut createdb = self.command("createdb");
        createdb.args(["--host=127.0.0.1", "--username=postgres", "--no-password"]);
        run(createdb.arg(format!("--port={}", self.port)).arg(&name))
            .expect("the server runs, and names are not used twice");
        self.url_of(&name)
    }

    /// Kills the server with `SIGKILL`, as a crash would. What it had acknowledged is there after
    /// [`restart`](Self::restart).
    ///
    /// # Panics
    ///
    /// Panics if the server cannot be signalled.
    pub fn kill(&self) {
        self.end("leave", "KILL")
            .expect("a child can be signalled and waited for");
    }

    /// Starts the server again, on the same port and with the same data. Kills it first if it runs.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    pub fn restart(&self) {
        self.kill();
        // The processes of the old server notice its end, but need a moment for it.
        let give_up = Instant::now() + DEADLINE;
        loop {
            match self.launch() {
                Ok(()) => return,
                Err(error) if Instant::now() > give_up => panic!("{error}"),
                Err(_) => sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Starts the server and waits until it takes connections.
    fn launch(&self) -> Result<()> {
        let _ = fs::remove_file(self.folder.join("pid"));
        let mut watch = self.as_user("sh");
        watch.args(["-c", WATCH, "watch"]);
        watch.arg(self.programs.join("postgres")).arg(&self.folder);
        // The shell would say that its child was killed.
        watch.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut child = watch.spawn()?;

        let give_up = Instant::now() + DEADLINE;
        while !self.is_ready() {
            let over = Instant::now() > give_up;
            if over || self.has_ended() {
                if over {
                    let _ = self.signal("KILL");
                }
                tell(&mut child, "leave");
                child.wait()?;
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                let tail = log.lines().rev().take(5).collect::<Vec<_>>();
                return Err(Error::other(format!("PostgreSQL does not start: {tail:?}")));
            }
            sleep(Duration::from_millis(5));
        }
        *self.watcher() = Some(child);
        Ok(())
    }

    /// What `pg_ctl` looks at: the eighth line of the file is the state, the first one the process.
    fn is_ready(&self) -> bool {
        let lock = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        let lines: Vec<_> = lock.lines().map(str::trim).collect();
        lines.len() >= 8 && lines[7] == "ready" && Some(lines[0]) == self.pid().as_deref()
    }

    fn has_ended(&self) -> bool {
        let Some(pid) = self.pid() else {
            return false;
        };
        // A process that was not waited for yet is a zombie.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.map_or(true, |stat| stat.contains(") Z "))
    }

    fn pid(&self) -> Option<String> {
        let pid = fs::read_to_string(self.folder.join("pid")).ok()?;
        let pid = pid.trim();
        (!pid.is_empty()).then(|| pid.to_owned())
    }

    fn signal(&self, signal: &str) -> Result<()> {
        match self.pid() {
            Some(pid) => run(Command::new("sh")
                .args(["-c", "kill -s \"$1\" \"$2\"", "kill"])
                .args([signal, &pid])),
            None => Ok(()),
        }
    }

    /// Ends the server, if it runs, and waits for it.
    fn end(&self, what: &str, signal: &str) -> Result<()> {
        let Some(mut child) = self.watcher().take() else {
            return Ok(());
        };
        self.signal(signal)?;
        tell(&mut child, what);
        child.wait()?;
        Ok(())
    }

    fn watcher(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.watcher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn command(&self, program: &str) -> Command {
        self.as_user(self.program(program))
    }

    fn as_user(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        // The folder that this process is in may be closed to the user.
        command.current_dir(&self.folder).env("LC_ALL", "C");
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let _ = self.end("", "QUIT");
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Tells the watcher what to do, and closes the pipe.
fn tell(watcher: &mut Child, what: &str) {
    if let Some(mut pipe) = watcher.stdin.take() {
        let _ = writeln!(pipe, "{what}");
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    Err(Error::other(format!("{command:?} failed: {told}")))
}

fn find_programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).collect::<Vec<_>>();
    let mut versions: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    versions.sort_by_key(|path| {
        let name = path.file_name().and_then(OsStr::to_str);
        std::cmp::Reverse(name.and_then(|name| name.parse::<u32>().ok()))
    });
    let debian = versions.into_iter().map(|path| path.join("bin"));
    // `postgres` alone may be a link into another folder.
    debian.chain(on_path).find(|folder| {
        ["createdb", "initdb", "postgres"]
            .iter()
            .all(|program| folder.join(program).is_file())
    })
}

/// Whom to run the server as; `None` for whoever runs this.
fn unprivileged() -> Result<Option<User>> {
    if !is_root() {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd")?;
    let find = |name| {
        accounts.lines().find_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            let is_it = fields.first() == Some(&name);
            let number = |index: usize| fields.get(index)?.parse().ok();
            Some(User {
                uid: number(2)?,
                gid: number(3)?,
            })
            .filter(|_| is_it)
        })
    };
    let user = ["postgres", "nobody"].into_iter().find_map(find);
    user.map(Some)
        .ok_or_else(|| Error::other("PostgreSQL does not run as root, and there is no other user"))
}

/// A new folder that the user of the server owns.
fn own_folder(user: Option<User>) -> Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);

    // Root's own temporary folder may be closed to others.
    let parent = match user {
        Some(_) if Path::new("/tmp").is_dir() => PathBuf::from("/tmp"),
        _ => std::env::temp_dir(),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let folder = parent.join(format!(
        "test-postgres-{}-{}-{}",
        std::process::id(),
        now.unwrap_or_default().as_nanos(),
        COUNT.fetch_add(1, Ordering::Relaxed),
    ));
    fs::create_dir(&folder)?;
    fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
    if let Some(user) = user {
        chown(&folder, Some(user.uid), Some(user.gid))?;
    }
    Ok(folder)
}
