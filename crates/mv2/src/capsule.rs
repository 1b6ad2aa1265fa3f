//! Encrypted capsules.
