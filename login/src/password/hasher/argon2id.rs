//! Argon2 (RFC 9106): new hashes, and stored ones of every variant.

use argon2::{Algorithm, Argon2, Params, Version};
use auth_layer::random_bytes;
use password_hash::phc;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::password::error::{HashError, HashErrorKind};
use crate::password::limits::HashLimits;
use crate::password::memory::Memory;

/// Bytes of a new salt, and of a new hash. RFC 9106 section 4: a salt of 128 bits, a tag of 256.
const SALT_LEN: usize = 16;
const OUTPUT_LEN: usize = 32;

/// A stored argon2 hash.
#[derive(Debug)]
pub(super) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: phc::Salt,
    output: phc::Output,
}

impl Argon2Hash {
    /// Reads a PHC string. One without a version is of version 16, which wrote none.
    pub(super) fn parse(hash: &str, limits: &HashLimits) -> Result<Self, HashError> {
        let malformed = |_| HashError::malformed("the argon2 hash is not a PHC string");
        let hash = phc::PasswordHash::new(hash).map_err(malformed)?;

        let algorithm = Algorithm::new(hash.algorithm.as_str())
            .map_err(|_| HashError::unsupported("the argon2 variant is unknown"))?;
        let version = Version::try_from(hash.version.unwrap_or(0x10))
            .map_err(|_| HashError::unsupported("the argon2 version is unknown"))?;
        let [memory, iterations, lanes] = cost(&hash.params)?;
        let (Some(salt), Some(output)) = (hash.salt, hash.hash) else {
            return Err(HashError::malformed("the argon2 hash is not complete"));
        };
        if output.len() < 16 {
            return Err(HashError::malformed("the argon2 hash is too short"));
        }
        if memory > limits.max_memory_kib
            || iterations > limits.max_argon2_iterations
            || lanes > 255
        {
            return Err(HashError::exceeds_limits(
                "the argon2 hash asks for more than the limits allow",
            ));
        }
        let params = Params::new(memory, iterations, lanes, Some(output.len()))
            .map_err(|_| HashError::malformed("the argon2 hash has impossible parameters"))?;

        Ok(Self {
            algorithm,
            version,
            params,
            salt,
            output,
        })
    }

    /// A hash that no password has: what is checked for users who do not exist.
    pub(super) fn of_nothing(params: &Params) -> Result<Self, HashError> {
        Ok(Self {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            params: params.clone(),
            salt: phc::Salt::new(&random::<SALT_LEN>()?).expect("16 bytes are a salt"),
            output: phc::Output::new(&random::<OUTPUT_LEN>()?).expect("32 bytes are an output"),
        })
    }

    /// Hashes a password with a new salt.
    pub(super) fn make(
        params: &Params,
        memory: &mut Memory,
        password: &[u8],
    ) -> Result<Self, HashError> {
        let mut hash = Self::of_nothing(params)?;
        let output = hash.derive(memory, password)?;
        hash.output = phc::Output::new(&output).expect("32 bytes are an output");
        Ok(hash)
    }

    pub(super) fn check(&self, memory: &mut Memory, password: &[u8]) -> Result<bool, HashError> {
        let output = self.derive(memory, password)?;
        Ok(output.ct_eq(self.output.as_bytes()).into())
    }

    /// Whether a new hash would be made in just this way.
    pub(super) fn is_current(&self, params: &Params) -> bool {
        let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());

        self.algorithm == Algorithm::Argon2id
            && self.version == Version::V0x13
            && cost(&self.params) == cost(params)
            && self.salt.as_ref().len() >= SALT_LEN
            && self.output.len() >= OUTPUT_LEN
    }

    fn derive(
        &self,
        memory: &mut Memory,
        password: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, HashError> {
        let blocks = memory.blocks(self.params.block_count())?;
        let mut output = Zeroizing::new(vec![0; self.output.len()]);
        Argon2::new(self.algorithm, self.version, self.params.clone())
            .hash_password_into_with_memory(password, self.salt.as_ref(), &mut output, blocks)
            .map_err(|_| HashError::malformed("argon2 refused the parameters of the hash"))?;
        Ok(output)
    }

    pub(super) fn to_phc(&self) -> String {
        let Self { params, .. } = self;
        format!(
            "${}$v={}$m={},t={},p={}${}${}",
            self.algorithm,
            u32::from(self.version),
            params.m_cost(),
            params.t_cost(),
            params.p_cost(),
            self.salt,
            self.output,
        )
    }

    #[cfg(test)]
    pub(super) fn work(&self) -> String {
        let Self { params, .. } = self;
        format!(
            "{} m={} t={} p={}",
            self.algorithm,
            params.m_cost(),
            params.t_cost(),
            params.p_cost()
        )
    }
}

/// Memory, iterations and lanes. All three must be given: a default would be a guess.
///
/// `keyid` and `data` are refused: the hash would depend on something that is not here.
fn cost(params: &phc::ParamsString) -> Result<[u32; 3], HashError> {
    let mut cost = [None; 3];
    for (name, value) in params.iter() {
        let index = match name.as_str() {
            "m" => 0,
            "t" => 1,
            "p" => 2,
            _ => return Err(HashError::unsupported("an argon2 parameter is unknown")),
        };
        let value = value
            .decimal()
            .map_err(|_| HashError::malformed("an argon2 parameter is not a number"))?;
        if cost[index].replace(value).is_some() {
            return Err(HashError::malformed("an argon2 parameter is given twice"));
        }
    }
    match cost {
        [Some(memory), Some(iterations), Some(lanes)] => Ok([memory, iterations, lanes]),
        _ => Err(HashError::malformed("an argon2 parameter is missing")),
    }
}

fn random<const N: usize>() -> Result<[u8; N], HashError> {
    random_bytes().map_err(|_| HashError::new(HashErrorKind::NoRandomness, "no randomness"))
}
