package org.dpocket.core;

import java.util.Arrays;

/** Convolution with the picture of an ideal lens's aperture: a disc of one brightness. */
final class DiscBlur {
    private DiscBlur() {}

    /**
     * {@code plane} (H×W, zero outside) averaged over a disc of {@code radius} px; 0 leaves it as it is.
     * Rows of the disc end between pixels, so that the result is continuous in the radius.
     */
    static float[] of(float[] plane, int width, int height, float radius) {
        if (radius < 0.01f) {
            return plane.clone();
        }
        double disc = radius + 0.5;
        int rows = (int) Math.ceil(disc) - 1;
        int pad = rows + 2;
        double[][] sums = new double[height][];
        for (int y = 0; y < height; y++) {
            sums[y] = runningSum(plane, y * width, width, pad);
        }
        double[] total = new double[width];
        float[] blurred = new float[plane.length];
        double area = 0;
        for (int dy = -rows; dy <= rows; dy++) {
            area += 2 * Math.sqrt(disc * disc - dy * dy);
        }
        for (int y = 0; y < height; y++) {
            Arrays.fill(total, 0);
            for (int row = Math.max(0, y - rows); row <= Math.min(height - 1, y + rows); row++) {
                if (sums[row] != null) {
                    addChord(total, sums[row], pad, Math.sqrt(disc * disc - (double) (row - y) * (row - y)));
                }
            }
            for (int x = 0; x < width; x++) {
                blurred[y * width + x] = (float) (total[x] / area);
            }
        }
        return blurred;
    }

    /** Sum left of every pixel's left edge, with {@code pad} empty pixels on both sides; null for an empty row. */
    private static double[] runningSum(float[] plane, int first, int width, int pad) {
        boolean isEmpty = true;
        for (int x = 0; x < width && isEmpty; x++) {
            isEmpty = plane[first + x] == 0;
        }
        if (isEmpty) {
            return null;
        }
        double[] sum = new double[width + 2 * pad + 1];
        for (int i = 0; i < width + 2 * pad; i++) {
            int x = i - pad;
            sum[i + 1] = sum[i] + (x < 0 || x >= width ? 0 : plane[first + x]);
        }
        return sum;
    }

    /** Adds what lies within {@code half} px of every pixel's centre. */
    private static void addChord(double[] total, double[] sum, int pad, double half) {
        int whole = (int) Math.floor(half + 0.5);
        double part = half + 0.5 - whole;
        for (int x = 0; x < total.length; x++) {
            int right = pad + x + whole;
            int left = pad + x + 1 - whole;
            total[x] += sum[right] + part * (sum[right + 1] - sum[right])
                - (sum[left] - part * (sum[left] - sum[left - 1]));
        }
    }
}
