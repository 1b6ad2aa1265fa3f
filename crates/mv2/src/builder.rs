//! Complete files.
