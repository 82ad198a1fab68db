"""Small PNG files of every kind of color, and the pixels that they are: tests/fixtures/images.

Needs nothing but Python's zlib: kinds that image libraries do not write (interlaced, 16 bits) are put together by hand
from the specification (https://www.w3.org/TR/png-3/)."""
import json
import pathlib
import struct
import zlib

SIZE = 6  # pixels of a side: not a multiple of 8, so that Adam7's passes are of odd sizes
OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "images"


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(depth, color_type, rows, extra=b"", interlaced=False):
    """`rows` are lists of samples. Rows of a depth below 8 are packed from the left."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color_type]

    def packed(samples):
        if depth == 16:
            return b"".join(struct.pack(">H", s) for s in samples)
        if depth == 8:
            return bytes(samples)
        bits = "".join(format(s, f"0{depth}b") for s in samples)
        bits += "0" * (-len(bits) % 8)
        return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))

    lines = []
    if interlaced:
        for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                               (0, 1, 1, 2)):
            for y in range(y0, SIZE, dy):
                samples = [s for x in range(x0, SIZE, dx) for s in rows[y][channels * x:channels * (x + 1)]]
                if samples:
                    lines.append(b"\0" + packed(samples))
    else:
        lines = [b"\0" + packed(row) for row in rows]
    header = struct.pack(">IIBBBBB", SIZE, SIZE, depth, color_type, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(b"".join(lines))) +
            chunk(b"IEND", b""))


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    expected = {}

    def write(name, data, pixels):
        (OUT / f"{name}.png").write_bytes(data)
        expected[name] = [list(p) for row in pixels for p in row]

    grid = [[(y, x) for x in range(SIZE)] for y in range(SIZE)]
    rgb = [[((40 * y) % 256, (37 * x) % 256, (20 * x + 11 * y) % 256) for y, x in row] for row in grid]
    flat = [[s for p in row for s in p] for row in rgb]
    write("rgb", png(8, 2, flat), rgb)
    write("interlaced", png(8, 2, flat, interlaced=True), rgb)
    # 257 v is v in 16 bits; sRGB is said so that no gamma is guessed.
    srgb = chunk(b"sRGB", b"\0")
    write("rgb16", png(16, 2, [[257 * s for s in row] for row in flat], extra=srgb), rgb)
    grey = [[(40 * y + 3 * x,) * 3 for y, x in row] for row in grid]
    write("grey", png(8, 0, [[p[0] for p in row] for row in grey]), grey)
    bits = [[(255 * ((x + y) % 2),) * 3 for y, x in row] for row in grid]
    write("bits", png(1, 0, [[p[0] // 255 for p in row] for row in bits]), bits)
    colors = [(255, 0, 0), (0, 128, 0), (10, 20, 200)]
    palette = chunk(b"PLTE", bytes(c for color in colors for c in color))
    indices = [[(x + 2 * y) % 3 for y, x in row] for row in grid]
    write("palette", png(2, 3, indices, extra=palette), [[colors[i] for i in row] for row in indices])
    clear = chunk(b"tRNS", bytes([255, 0]))
    write("palette_clear", png(8, 3, indices, extra=palette + clear),
          [[(255, 255, 255) if i == 1 else colors[i] for i in row] for row in indices])
    alpha = [[255 * ((x + y) % 2) for y, x in row] for row in grid]
    on_white = [[p if a else (255, 255, 255) for p, a in zip(ps, al)] for ps, al in zip(rgb, alpha)]
    write("alpha", png(8, 6, [[s for p, a in zip(ps, al) for s in (*p, a)] for ps, al in zip(rgb, alpha)]), on_white)
    write("grey_alpha", png(8, 4, [[s for p, a in zip(ps, al) for s in (p[0], a)] for ps, al in zip(grey, alpha)]),
          [[p if a else (255, 255, 255) for p, a in zip(ps, al)] for ps, al in zip(grey, alpha)])
    (OUT / "pixels.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
