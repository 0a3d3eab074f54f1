//! Random bits, from the kernel and nowhere else.

/// Fills an array with random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// Fills a slice with random bytes.
pub fn fill(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(RandomError)
}

/// The kernel gave no random bits.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the kernel gave no random bits: {0}")]
pub struct RandomError(getrandom::Error);
