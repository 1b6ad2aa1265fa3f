//! Encrypted capsules.

use std::sync::OnceLock;

use super::with_folder;
use crate::script::{Input, Template, apply};

const PASSWORD: &str = "a password";

/// Unlocks a changed capsule: what comes out is what was locked, or nothing does.
pub fn capsule(data: &[u8]) {
    static CAPSULE: OnceLock<(Vec<u8>, Template)> = OnceLock::new();
    let (memory, template) = CAPSULE.get_or_init(|| {
        let source = mv2::builder::FrameSource::text("mv2://a", "A", "a secret", 1);
        let memory = mv2::builder::minimal_file(&[source]);
        let bytes = with_folder(|folder| {
            let path = folder.join("secret.mv2");
            std::fs::write(&path, &memory).unwrap();
            let locked = mv2::capsule::lock(&path, None, PASSWORD, true).unwrap();
            let bytes = std::fs::read(&locked).unwrap();
            std::fs::remove_file(&path).unwrap();
            std::fs::remove_file(&locked).unwrap();
            bytes
        });
        // Salts are random, inputs are not: one that changes the tag is refused whatever the salt is.
        let parts = vec![
            0..64,
            64..68,
            68..bytes.len(),
            bytes.len() - 16..bytes.len(),
        ];
        (memory, Template { bytes, parts })
    });
    let mut input = Input::new(data);
    let bytes = apply(template, &mut input, false);
    with_folder(|folder| {
        let folder = &folder.join("capsule");
        std::fs::create_dir_all(folder).unwrap();
        let path = folder.join("changed.mv2e");
        let output = folder.join("unlocked.mv2");
        std::fs::write(&path, &bytes).unwrap();
        match mv2::capsule::unlock(&path, Some(&output), PASSWORD, true) {
            Ok(written) => {
                assert!(std::fs::read(&written).unwrap() == *memory);
                std::fs::remove_file(&written).unwrap();
            }
            Err(error) => {
                assert!(matches!(error, mv2::Error::Capsule { .. }), "{error}");
                assert!(!output.exists());
            }
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
    });
}
