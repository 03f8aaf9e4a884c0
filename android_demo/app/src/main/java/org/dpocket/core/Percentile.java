package org.dpocket.core;

import java.util.Arrays;

/** Order statistics of maps. */
final class Percentile {
    private Percentile() {}

    /** The value below which {@code share} (0..1) of the finite values lie, linear between ranks; 0 where none is finite. */
    static double of(float[] values, double share) {
        float[] sorted = new float[values.length];
        int count = 0;
        for (float value : values) {
            if (!Float.isNaN(value) && !Float.isInfinite(value)) {
                sorted[count++] = value;
            }
        }
        if (count == 0) {
            return 0;
        }
        Arrays.sort(sorted, 0, count);
        double at = share * (count - 1);
        int first = Math.min((int) at, count - 1);
        int second = Math.min(first + 1, count - 1);
        return sorted[first] + (at - first) * (sorted[second] - sorted[first]);
    }

    /** The same of the magnitudes. */
    static double ofMagnitudes(float[] values, double share) {
        float[] magnitudes = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            magnitudes[i] = Math.abs(values[i]);
        }
        return of(magnitudes, share);
    }
}
