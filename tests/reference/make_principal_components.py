"""Golden principal components. Written with numpy 2.4.6, checked against scikit-learn 1.9.1.

Usage: python make_principal_components.py   (writes tests/fixtures/word_vectors/principal_components.json)

Each case: vectors (N,C) as float32 values, and their coordinates (N,3) by the singular value decomposition of the
centred matrix, each direction's largest loading positive, columns of zeros where there is no variance.
"""
import json
import pathlib

import numpy as np
from sklearn.decomposition import PCA


def coordinates(x, k):
    centered = x - x.mean(0)
    _, s, vt = np.linalg.svd(centered, full_matrices=False)
    vt = vt * np.sign(vt[np.arange(len(vt)), np.abs(vt).argmax(1)])[:, None]
    out = np.zeros((len(x), k))
    for i in range(min(k, len(s))):
        if s[i] > 1e-6 * s[0]:
            out[:, i] = centered @ vt[i]
    return out


def main():
    random = np.random.default_rng(3)
    shapes = [(12, 5), (7, 30), (40, 3), (9, 2), (2, 4)]
    cases = []
    for n, c in shapes:
        scales = 2.0 ** -np.arange(c)
        x = (random.standard_normal((n, c)) * scales @ random.standard_normal((c, c)) + 5).astype(np.float32)
        x = x.astype(np.float64)
        golden = coordinates(x, 3)
        k = min(3, c, n - 1)
        assert np.allclose(PCA(k, svd_solver="full").fit_transform(x), golden[:, :k], atol=1e-6), (n, c)
        cases.append({"vectors": x.tolist(), "coordinates": golden.round(7).tolist()})
    path = pathlib.Path(__file__).parent.parent / "fixtures" / "word_vectors" / "principal_components.json"
    path.write_text(json.dumps(cases))


if __name__ == "__main__":
    main()
