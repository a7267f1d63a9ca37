//! Digest (RFC 7616).
