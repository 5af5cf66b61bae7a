//! A Merkle tree over 2^k leaves, hashed as RFC 6962 does (section 2.1): a leaf and a node can never be taken for each
//! other, because their first bytes differ.

use crate::id::hash;

pub(super) type Hash = [u8; 32];

/// `SHA-256(0 || bytes)`.
pub(super) fn leaf(bytes: &[u8]) -> Hash {
    hash(&[&[0], bytes])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    hash(&[&[1], left, right])
}

/// All hashes of a tree.
pub(super) struct Tree {
    /// From the leaves to the root; each level has half as many as the one before.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree over a number of leaves that is a power of two.
    pub(super) fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(last) = levels.last().filter(|last| last.len() > 1) {
            let (pairs, _) = last.as_chunks();
            let above = pairs.iter().map(|[left, right]| node(left, right)).collect();
            levels.push(above);
        }
        Self { levels }
    }

    pub(super) fn root(&self) -> Hash {
        self.levels.last().and_then(|top| top.first()).copied().unwrap_or_default()
    }

    /// The neighbours on the way from a leaf to the root.
    pub(super) fn proof(&self, index: usize) -> Vec<Hash> {
        let below_root = self.levels.iter().take(self.levels.len().saturating_sub(1));
        below_root.enumerate().filter_map(|(level, hashes)| hashes.get(index >> level ^ 1)).copied().collect()
    }
}

/// The root of the tree in which a leaf has this place and these neighbours.
pub(super) fn root_over(leaf: Hash, index: u16, proof: &[Hash]) -> Hash {
    let mut index = index;
    proof.iter().fold(leaf, |hash, neighbour| {
        let is_right = index & 1 == 1;
        index >>= 1;
        if is_right { node(neighbour, &hash) } else { node(&hash, neighbour) }
    })
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// The eight leaves and the root with which implementations of Certificate Transparency test themselves
    /// (`github.com/transparency-dev/merkle`, testonly).
    #[test]
    fn hashes_are_those_of_certificate_transparency() {
        let leaves = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let leaves = leaves.map(|hex| leaf(&HEXLOWER.decode(hex.as_bytes()).unwrap()));
        let empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(HEXLOWER.encode(&leaves[0]), empty);
        let tree = Tree::new(leaves.to_vec());
        let root = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";
        assert_eq!(HEXLOWER.encode(&tree.root()), root);
        for (index, leaf) in leaves.iter().enumerate() {
            let proof = tree.proof(index);
            assert_eq!(proof.len(), 3);
            for claimed in 0..8 {
                assert_eq!(root_over(*leaf, claimed, &proof) == tree.root(), usize::from(claimed) == index);
            }
        }
    }

    #[test]
    fn one_leaf_is_its_own_root() {
        let tree = Tree::new(vec![leaf(b"a")]);
        assert_eq!(tree.root(), leaf(b"a"));
        assert!(tree.proof(0).is_empty());
        assert_eq!(root_over(leaf(b"a"), 0, &[]), leaf(b"a"));
    }
}
