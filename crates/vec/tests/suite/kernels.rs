//! Every version of the loops, on few vectors: small enough for Miri, which checks each of their loads and stores.

use crate::support::{Random, Stored};
use vec::{Encoding, Kernel, Request, Source, search};

#[test]
fn all_versions_find_the_same_among_few_vectors() {
    let mut shapes = vec![(Encoding::Bytes, 7, 3), (Encoding::Bits, 16, 33)];
    if !cfg!(miri) {
        shapes.extend([(Encoding::Bytes, 32, 35), (Encoding::Bits, 130, 40)]);
    }
    for (encoding, dimension, count) in shapes {
        let mut random = Random(dimension as u64);
        let vectors = (0..count).map(|_| random.vector(dimension)).collect();
        let stored = Stored::new(encoding, (0..count).collect(), vectors);
        let strided = stored.strided();
        let sources = [Source {
            segment: stored.segment(),
            vectors: &strided,
            verified: None,
        }];
        let query = random.vector(dimension);
        let request = Request {
            kernel: Kernel::PORTABLE,
            ..Request::new(&query, 3)
        };
        let expected = search(&sources, &request).unwrap();
        assert_eq!(expected.hits.len(), 3);
        for kernel in Kernel::available() {
            let found = search(&sources, &Request { kernel, ..request }).unwrap();
            assert_eq!(found, expected, "{} {dimension}", kernel.name());
        }
    }
}
