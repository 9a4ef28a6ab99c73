#!/usr/bin/env python3
"""Features of spoken digits by numpy and scipy, independently of src/data/audio.c: the oracle of tests/data/audio.c.

mfcc.py > tests/data/audio_reference.h    writes the reference (no seed: the waveforms are closed formulas)
Imported by avmnist.py, which holds a whole imported file against it.
"""
import sys

import numpy as np
import scipy
import scipy.fft
import scipy.signal

LENGTHS = [1, 4, 7, 10, 13, 1149, 1536, 3248, 4611, 18262, 40000]
LOGMEL_LENGTHS = [2, 300, 3248, 18262]
LOGMEL_COLUMNS = [0, 1, 16, 31]


def waveform(count):
    """The same integers as in the test: noise of a linear congruence, a sawtooth, gaps of silence, loudness by length."""
    out, state = [], count
    for i in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        value = state // 2**18 % 2**14 + i * (60 + count % 50) % 2**14 - 2**14
        out.append(0 if i % 1000 > 800 else value if count % 2 else value // 2**7)
    return np.array(out, dtype=np.int16)


def slaney_edges(low, high, bands):
    def mel(f):
        return f / (200 / 3) if f < 1000 else 15 + np.log(f / 1000) / (np.log(6.4) / 27)

    m = np.linspace(mel(low), mel(high), bands + 2)
    return np.where(m < 15, m * (200 / 3), 1000 * np.exp((m - 15) * (np.log(6.4) / 27)))


def triangles(low, high, bands, window, rate, area):
    """[bands, window / 2 + 1]"""
    edges, frequency = slaney_edges(low, high, bands), np.fft.rfftfreq(window, 1 / rate)
    weight = np.stack([np.interp(frequency, edges[b : b + 3], [0, 1, 0]) for b in range(bands)])
    return weight * (2 / (edges[2:] - edges[:-2]))[:, None] if area else weight


def reflect(x, pad):
    """x with `pad` more samples at each end, reflected around the end samples again and again."""
    if len(x) == 1:
        return np.repeat(x, 2 * pad + 1)
    once = np.concatenate([x, x[-2:0:-1]])
    repeats = pad // len(once) + 2
    tiled = np.tile(once, 2 * repeats)
    start = repeats * len(once)
    return tiled[start - pad : start + len(x) + pad]


def decibel(power):
    return 10 * np.log10(np.maximum(1e-10, power))


def mfcc(samples):
    """[20, 20]: coefficients x times, as SMIL's preparation with librosa 0.7 makes them."""
    x = samples.astype(np.float64)[::3] / 32768
    padded = reflect(x, 1024)
    frames = np.stack([padded[512 * t : 512 * t + 2048] for t in range(1 + len(x) // 512)])
    power = np.abs(np.fft.rfft(frames * scipy.signal.get_window("hann", 2048, fftbins=True))) ** 2
    loud = decibel(power @ triangles(0, 4000, 128, 2048, 8000, True).T)
    loud = np.maximum(loud, loud.max() - 80)
    cepstrum = scipy.fft.dct(loud, type=2, norm="ortho", axis=1)[:20, :20].T
    return (np.pad(cepstrum, [(0, 0), (0, 20 - cepstrum.shape[1])]) - 0.5) / 0.5


def logmel(samples):
    """[32, 32]: bands x times."""
    energy = np.cumsum(samples.astype(np.int64) ** 2)
    middle = np.searchsorted(2 * energy, energy[-1]) if energy[-1] else (len(samples) - 1) // 2
    padded = np.pad(samples.astype(np.float64) / 32768, 3000)
    frames = np.stack([padded[b : b + 256] for b in 3000 + middle - 31 * 80 - 128 + 160 * np.arange(32)])
    power = np.abs(np.fft.rfft(frames * scipy.signal.get_window("hann", 256, fftbins=True))) ** 2
    loud = decibel(power @ triangles(50, 4000, 32, 256, 8000, False).T).T
    return np.maximum(loud - loud.max(), -60)


def table(name, rows):
    print(f"\nstatic const double {name}[] = {{")
    for count, values in rows:
        print(f"    // {count} samples")
        texts = [f"{v:.9g}," for v in np.ravel(values)]
        for i in range(0, len(texts), 8):
            print("    " + " ".join(texts[i : i + 8]))
    print("};")


def main():
    print("#ifndef DATA_AUDIO_REFERENCE_H\n#define DATA_AUDIO_REFERENCE_H")
    print("/// Made by tools/oracle/mfcc.py with numpy %s and scipy %s. Per length: MFCC [20, frames <= 20], and" % (np.__version__, scipy.__version__))
    print("/// log-mel [32, 4] at the times of reference_columns.")
    print("\nstatic const int mfcc_lengths[] = {%s};" % ", ".join(map(str, LENGTHS)))
    print("static const int logmel_lengths[] = {%s};" % ", ".join(map(str, LOGMEL_LENGTHS)))
    print("static const int reference_columns[] = {%s};" % ", ".join(map(str, LOGMEL_COLUMNS)))
    table("mfcc_reference", [(n, mfcc(waveform(n))[:, : 1 + (n + 2) // 3 // 512]) for n in LENGTHS])
    table("logmel_reference", [(n, logmel(waveform(n))[:, LOGMEL_COLUMNS]) for n in LOGMEL_LENGTHS])
    print("\n#endif")


if __name__ == "__main__":
    sys.exit(main())
