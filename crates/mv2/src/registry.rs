//! Who writes: advisory records in a folder of the user, never beside the memory.
