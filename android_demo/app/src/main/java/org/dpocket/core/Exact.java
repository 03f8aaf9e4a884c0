package org.dpocket.core;

/**
 * Means, the natural logarithm and a ramp as plain double operations in a stated order: the same bits as
 * {@code runtime_py/captures/exact.py}, which documents the formulas. No library function that may round otherwise elsewhere.
 */
final class Exact {
    private static final long SQRT_HALF_BITS = 0x3FE6A09E667F3BCDL;
    private static final double LN2_HIGH = 0x1.62e42fefap-1;
    private static final double LN2_LOW = 0x1.cf79abc9e3b3ap-40;
    private static final double HALF_PI = 0x1.921fb54442d18p+0;
    private static final int TERMS = 10;
    private static final int SINE_TERMS = 22;

    private Exact() {}

    /** ln x of a normal positive double, within 2 units in the last place. */
    static double log(double x) {
        long bits = Double.doubleToRawLongBits(x);
        long exponent = (bits - SQRT_HALF_BITS) >> 52;
        double f = Double.longBitsToDouble(bits - (exponent << 52)) - 1.0;
        double k = (double) exponent;
        double s = f / (f + 2.0);
        double z = s * s;
        double series = z * (2.0 / (2 * TERMS + 1));
        for (int i = TERMS - 1; i > 0; i--) {
            series += 2.0 / (2 * i + 1);
            series *= z;
        }
        double logM = f - s * (f - series);
        return k * LN2_HIGH + (logM + k * LN2_LOW);
    }

    /** sin²(t·π/2) of t from 0 to 1. */
    static double sineRamp(double t) {
        double u = t * HALF_PI;
        double square = u * u;
        double rest = 1.0;
        for (int n = SINE_TERMS; n > 0; n -= 2) {
            rest = 1.0 - rest * square / (n * (n + 1));
        }
        double sine = u * rest;
        return sine * sine;
    }

    /** Mean of an H×W plane: every column from top to bottom, then their sums from left to right. */
    static double mean(float[] plane, int width) {
        double[] columns = new double[width];
        for (int i = 0; i < plane.length; i += width) {
            for (int x = 0; x < width; x++) {
                columns[x] += plane[i + x];
            }
        }
        double sum = 0;
        for (double column : columns) {
            sum += column;
        }
        return sum / plane.length;
    }

    /** Place 0..length-1 of sample {@code at}, any integer, mirrored at both ends without repeating the last sample. */
    static int mirrored(int at, int length) {
        int period = Math.max(1, 2 * (length - 1));
        int within = at % period;
        within += within < 0 ? period : 0;
        return length > 1 ? Math.min(within, period - within) : 0;
    }

    /**
     * Mean of an H×W plane over side × side samples around each, mirrored; an even side reaches one further up and to the left.
     * Sums over a window are differences of running sums, down every column first.
     */
    static double[] boxMean(double[] plane, int height, int width, int side) {
        int before = side / 2;
        double[][] down = new double[side + 1][];
        double[] result = new double[plane.length];
        double[] window = new double[width];
        double[] across = new double[width + side];
        down[0] = new double[width];
        for (int i = 0; i < height + side - 1; i++) {
            double[] above = down[i % (side + 1)];
            double[] sums = down[(i + 1) % (side + 1)];
            sums = sums == null ? new double[width] : sums;
            down[(i + 1) % (side + 1)] = sums;
            int from = mirrored(i - before, height) * width;
            for (int x = 0; x < width; x++) {
                sums[x] = above[x] + plane[from + x];
            }
            int row = i + 1 - side;
            if (row >= 0) {
                double[] first = down[row % (side + 1)];
                for (int x = 0; x < width; x++) {
                    window[x] = sums[x] - first[x];
                }
                meanAcross(window, across, before, side, result, row * width);
            }
        }
        return result;
    }

    private static void meanAcross(double[] window, double[] across, int before, int side, double[] result, int at) {
        int width = window.length;
        double area = (double) side * side;
        for (int j = 0; j < width + side - 1; j++) {
            across[j + 1] = across[j] + window[mirrored(j - before, width)];
        }
        for (int x = 0; x < width; x++) {
            result[at + x] = (across[x + side] - across[x]) / area;
        }
    }
}
