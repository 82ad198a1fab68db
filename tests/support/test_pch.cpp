// Exists so that the precompiled test header has a target to belong to.
