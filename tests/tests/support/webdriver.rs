//! A browser, as far as the tests of pages need one: W3C WebDriver is JSON over HTTP, and of its commands
//! these are some. (The client crates bring some fifty crates with them.)

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use test_servers::{ChromeDriver, Profile};

/// How long a page may take until it says what it should.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the name of an element is called in answers.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with a profile of its own. It ends when this is dropped.
pub struct Browser {
    client: Client<HttpConnector, Full<Bytes>>,
    session: String,
    _profile: Profile,
}

/// What differs between browsers.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub scripts: bool,
    pub user_agent: Option<&'static str>,
    pub size: (u32, u32),
}

impl Browser {
    pub async fn start(driver: &ChromeDriver, kind: Kind) -> Self {
        let profile = driver.profile();
        let mut arguments = profile.arguments();
        let (width, height) = kind.size;
        arguments.push(format!("--window-size={width},{height}"));
        if let Some(agent) = kind.user_agent {
            arguments.push(format!("--user-agent={agent}"));
        }
        let allowed = if kind.scripts { 1 } else { 2 };
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {
                "binary": driver.browser(),
                "args": arguments,
                "prefs": { "profile.managed_default_content_settings.javascript": allowed },
            },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let mut browser = Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            session: format!("{}/session", driver.url()),
            _profile: profile,
        };
        let body = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let made = browser.command(Method::POST, "", body).await.unwrap();
        browser.session = format!(
            "{}/{}",
            browser.session,
            made["sessionId"].as_str().unwrap()
        );
        browser
    }

    /// The value of an answer, or the code of an error.
    async fn command(&self, method: Method, path: &str, body: Value) -> Result<Value, String> {
        let body = if method == Method::POST {
            body.to_string()
        } else {
            String::new()
        };
        let req = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.session))
            .header("content-type", "application/json")
            .body(Full::from(body))
            .unwrap();
        let res = self.client.request(req).await.unwrap();
        let is_good = res.status().is_success();
        let body = res.into_body().collect().await.unwrap().to_bytes();
        let mut answer: Value = serde_json::from_slice(&body).unwrap();
        let value = answer["value"].take();
        if is_good {
            return Ok(value);
        }
        Err(format!("{path}: {} {}", value["error"], value["message"]))
    }

    async fn get(&self, path: &str) -> Result<Value, String> {
        self.command(Method::GET, path, Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        self.command(Method::POST, path, body).await
    }

    pub async fn go(&self, url: &str) {
        self.post("/url", json!({ "url": url })).await.unwrap();
    }

    /// The back button.
    pub async fn back(&self) {
        self.post("/back", json!({})).await.unwrap();
    }

    pub async fn title(&self) -> String {
        let title = self.get("/title").await.unwrap();
        title.as_str().unwrap().to_owned()
    }

    async fn find(&self, xpath: &str) -> Result<String, String> {
        let body = json!({ "using": "xpath", "value": xpath });
        let found = self.post("/element", body).await?;
        Ok(format!("/element/{}", found[ELEMENT].as_str().unwrap()))
    }

    /// Types into the field with this label, in place of what is there.
    pub async fn fill(&self, label: &str, text: &str) {
        let field = self.labelled(label).await;
        let clear = format!("{field}/clear");
        self.post(&clear, json!({})).await.unwrap();
        let value = format!("{field}/value");
        self.post(&value, json!({ "text": text })).await.unwrap();
    }

    /// Pastes what is on the clipboard into the field with this label.
    pub async fn paste(&self, label: &str) {
        const CONTROL: char = '\u{e009}';

        let field = self.labelled(label).await;
        let value = format!("{field}/value");
        let keys = json!({ "text": format!("{CONTROL}v") });
        self.post(&value, keys).await.unwrap();
    }

    /// Chooses an option by its text, in the first list below `within`, an XPath.
    pub async fn choose(&self, within: &str, option: &str) {
        let xpath = format!("{within}//option[normalize-space()='{option}']");
        let option = self.find(&xpath).await.unwrap();
        let click = format!("{option}/click");
        self.post(&click, json!({})).await.unwrap();
    }

    /// Loads the page again, as it was got: a form is sent again.
    pub async fn reload(&self) {
        self.post("/refresh", json!({})).await.unwrap();
    }

    /// What is in the field with this label.
    pub async fn filled(&self, label: &str) -> String {
        let field = self.labelled(label).await;
        let value = self.get(&format!("{field}/property/value")).await.unwrap();
        value.as_str().unwrap().to_owned()
    }

    /// The field that assistive technology calls so.
    async fn labelled(&self, label: &str) -> String {
        let xpath = format!("//input[@id=//label[normalize-space()='{label}']/@for]");
        let field = self.find(&xpath).await.unwrap();
        let name = self.get(&format!("{field}/computedlabel")).await.unwrap();
        assert_eq!(name, label);
        field
    }

    /// Presses the button with this text, the first of them below `within`, an XPath.
    pub async fn press(&self, within: &str, button: &str) {
        let xpath = format!("{within}//button[normalize-space()='{button}']");
        let button = self.find(&xpath).await.unwrap();
        let click = format!("{button}/click");
        self.post(&click, json!({})).await.unwrap();
    }

    /// The text that a person sees.
    pub async fn text(&self) -> String {
        // The page may be going away.
        let Ok(body) = self.find("//body").await else {
            return String::new();
        };
        let text = self.get(&format!("{body}/text")).await.unwrap_or_default();
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The roles and texts of what is announced when the page comes up.
    pub async fn announced(&self) -> Option<(String, String)> {
        let element = self
            .find("//*[@role='alert' or @role='status']")
            .await
            .ok()?;
        let role = self.get(&format!("{element}/computedrole")).await.ok()?;
        let text = self.get(&format!("{element}/text")).await.ok()?;
        Some((role.as_str()?.to_owned(), text.as_str()?.to_owned()))
    }

    /// Waits until the page says this; returns all that it says.
    pub async fn wait_for(&self, part: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text().await;
            if text.contains(part) {
                return text;
            }
            assert!(Instant::now() < deadline, "no {part:?} in {text:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The whole document as it is now.
    pub async fn source(&self) -> String {
        let source = self.get("/source").await.unwrap();
        source.as_str().unwrap().to_owned()
    }

    /// What the browser complained about since the last time, other than the status of answers.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.post("/se/log", json!({ "type": "browser" })).await;
        let entries = entries.unwrap();
        let messages = entries.as_array().unwrap().iter();
        messages
            .filter(|entry| entry["level"] != "INFO")
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .filter(|message| !message.contains("the server responded with a status of"))
            .collect()
    }

    /// Keeps a picture in `target/browser`.
    pub async fn screenshot(&self, name: &str) {
        use base64::Engine as _;

        let picture = self.get("/screenshot").await.unwrap();
        let picture = base64::engine::general_purpose::STANDARD.decode(picture.as_str().unwrap());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../browser");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture.unwrap()).unwrap();
    }

    pub async fn close(self) {
        let _ = self.command(Method::DELETE, "", Value::Null).await;
    }
}
