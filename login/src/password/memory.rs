//! The memory that argon2 works in.

use argon2::Block;
use zeroize::Zeroize;

use super::error::{HashError, HashErrorKind};

/// Memory that is kept between hashes, so that none of them has to ask the system for it.
///
/// Argon2 overwrites a block before it reads it, so what an earlier hash left behind cannot be seen
/// in a later one. It is wiped when there is nothing more to do: from the memory of a finished
/// argon2, guesses at the password can be checked far faster than argon2 is.
#[derive(Default)]
pub(super) struct Memory {
    blocks: Vec<Block>,
    is_wiped: bool,
}

impl Memory {
    pub(super) const fn new() -> Self {
        Self {
            blocks: Vec::new(),
            is_wiped: true,
        }
    }

    /// At least `count` blocks.
    pub(super) fn blocks(&mut self, count: usize) -> Result<&mut [Block], HashError> {
        if self.blocks.len() < count {
            self.wipe();
            // The old blocks would be copied if they were still there.
            self.blocks = Vec::new();
            self.blocks
                .try_reserve_exact(count)
                .map_err(|_| HashError::new(HashErrorKind::NoMemory, "not enough memory"))?;
            self.blocks.resize(count, Block::new());
        }
        self.is_wiped = false;
        Ok(&mut self.blocks[..count])
    }

    /// Gives back what is more than `count` blocks.
    pub(super) fn shrink_to(&mut self, count: usize) {
        if self.blocks.len() > count {
            self.wipe();
            self.blocks.truncate(count);
            self.blocks.shrink_to_fit();
        }
    }

    /// Overwrites what the last hash left.
    pub(super) fn wipe(&mut self) {
        if !self.is_wiped {
            self.blocks.iter_mut().for_each(Zeroize::zeroize);
            self.is_wiped = true;
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
impl Memory {
    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    pub(super) fn is_zero(&self) -> bool {
        let is_zero = |block: &Block| block.as_ref().iter().all(|word| *word == 0);
        self.blocks.iter().all(is_zero)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_grows_shrinks_and_is_wiped() {
        let mut memory = Memory::new();
        for block in memory.blocks(16).unwrap() {
            block.as_mut().fill(7);
        }
        assert_eq!(memory.blocks(8).unwrap().len(), 8);
        assert_eq!(memory.len(), 16);
        assert!(!memory.is_zero());

        memory.shrink_to(8);
        assert_eq!(memory.len(), 8);
        assert!(memory.is_zero());
        memory.shrink_to(100);
        assert_eq!(memory.len(), 8);
    }

    #[test]
    fn bas_05_too_much_memory_is_an_error_and_no_abort() {
        let error = Memory::new().blocks(usize::MAX / 2048).unwrap_err();
        assert_eq!(error.kind(), HashErrorKind::NoMemory);
    }
}
