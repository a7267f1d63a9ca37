//! Stored scrypt hashes (RFC 7914): `$scrypt$ln=17,r=8,p=1$<salt>$<hash>`.

use password_hash::phc;
use scrypt::Params;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::password::error::HashError;
use crate::password::limits::HashLimits;

#[derive(Debug)]
pub(super) struct ScryptHash {
    params: Params,
    salt: phc::Salt,
    output: phc::Output,
}

impl ScryptHash {
    pub(super) fn parse(hash: &str, limits: &HashLimits) -> Result<Self, HashError> {
        let malformed = || HashError::malformed("the scrypt hash is malformed");
        let hash = phc::PasswordHash::new(hash).map_err(|_| malformed())?;

        let mut cost = [None; 3];
        for (name, value) in hash.params.iter() {
            let index = match name.as_str() {
                "ln" => 0,
                "r" => 1,
                "p" => 2,
                _ => return Err(malformed()),
            };
            let value = value.decimal().map_err(|_| malformed())?;
            if cost[index].replace(value).is_some() {
                return Err(malformed());
            }
        }
        let ([Some(log_n), Some(r), Some(p)], Some(salt), Some(output), None) =
            (cost, hash.salt, hash.hash, hash.version)
        else {
            return Err(malformed());
        };
        if log_n == 0 || r == 0 || p == 0 || output.len() < 16 {
            return Err(malformed());
        }

        // 128 * r * N bytes. Lanes work one after the other: `p` multiplies the time, not this.
        let kib = 1_u64
            .checked_shl(log_n)
            .and_then(|n| n.checked_mul(u64::from(r)))
            .map(|blocks| blocks.div_ceil(8));
        let is_payable = kib.is_some_and(|kib| kib <= u64::from(limits.max_memory_kib));
        if !is_payable || log_n > 62 || r > 64 || p > 16 {
            return Err(HashError::exceeds_limits(
                "the scrypt hash asks for more than the limits allow",
            ));
        }
        let log_n = u8::try_from(log_n).map_err(|_| malformed())?;
        let params = Params::new(log_n, r, p).map_err(|_| malformed())?;

        Ok(Self {
            params,
            salt,
            output,
        })
    }

    pub(super) fn check(&self, password: &[u8]) -> Result<bool, HashError> {
        let mut output = Zeroizing::new(vec![0; self.output.len()]);
        scrypt::scrypt(password, self.salt.as_ref(), &self.params, &mut output)
            .map_err(|_| HashError::malformed("scrypt refused the parameters of the hash"))?;
        Ok(output.ct_eq(self.output.as_bytes()).into())
    }

    #[cfg(test)]
    pub(super) fn work(&self) -> String {
        format!("scrypt {}", self.params.log_n())
    }
}
