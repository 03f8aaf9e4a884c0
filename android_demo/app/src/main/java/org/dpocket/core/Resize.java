package org.dpocket.core;

/**
 * Resizing as plain double operations in a stated order: the same bits as {@code runtime_py/captures/resize.py}, which documents
 * the formulas, and as {@code runtime_py.student.resampled}.
 */
public final class Resize {
    /** Pixels of a resized view; a working width and a view's shape that ask for more belong to no phone's capture. */
    private static final long MOST = 1 << 26;

    private Resize() {}

    /**
     * {@code view} at {@code width} pixels, height rounded (half to even) to keep the aspect, values rounded to float once.
     * Shrinking averages areas, enlarging interpolates linearly.
     */
    public static Plane toWidth(Plane view, int width) throws DpException {
        if (view.width == width) {
            return view;
        }
        double rounded = Math.max(1, Math.rint((double) ((long) view.height * width) / view.width));
        if (rounded * width > MOST) {
            throw new DpException("a view of " + view.width + "×" + view.height + " is too tall for a working width of "
                + width + " px; turn or crop it");
        }
        int height = (int) rounded;
        double[] resized = width < view.width
            ? shrinkColumns(shrinkRows(view, height), height, view.width, width)
            : enlargeRows(enlargeColumns(view, width), view.height, height, width);
        float[] values = new float[resized.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) resized[i];
        }
        return new Plane(values, height, width);
    }

    /**
     * {@code grid}, whose cell i lies at (i + 1/2)·stride of a plane of {@code planeHeight} × {@code planeWidth}, interpolated
     * linearly at height × width pixels that cover that plane; float operations, first down, then across.
     */
    public static Plane resampled(Plane grid, int planeHeight, int planeWidth, int stride, int height, int width) {
        Taps down = Taps.ofCells(grid.height, planeHeight, stride, height);
        Taps across = Taps.ofCells(grid.width, planeWidth, stride, width);
        float[] row = new float[grid.width];
        float[] result = new float[height * width];
        for (int y = 0; y < height; y++) {
            int first = down.first[y] * grid.width;
            int second = down.second[y] * grid.width;
            float share = (float) down.share[y];
            for (int x = 0; x < grid.width; x++) {
                row[x] = grid.values[first + x] * (1f - share) + grid.values[second + x] * share;
            }
            for (int x = 0; x < width; x++) {
                float right = (float) across.share[x];
                result[y * width + x] = row[across.first[x]] * (1f - right) + row[across.second[x]] * right;
            }
        }
        return new Plane(result, height, width);
    }

    /** Two samples of an axis for every place along it, and the share of the second. */
    private static final class Taps {
        final int[] first;
        final int[] second;
        final double[] share;

        private Taps(int count) {
            first = new int[count];
            second = new int[count];
            share = new double[count];
        }

        /** Around the centres of {@code count} cells that divide n samples. */
        static Taps ofCentres(int n, int count) {
            Taps taps = new Taps(count);
            long two = 2L * count;
            for (int i = 0; i < count; i++) {
                long scaled = Math.min(Math.max((2L * i + 1) * n - count, 0), two * (n - 1));
                taps.first[i] = (int) (scaled / two);
                taps.second[i] = Math.min(taps.first[i] + 1, n - 1);
                taps.share[i] = (double) (scaled % two) / two;
            }
            return taps;
        }

        /** Around the centres of {@code count} pixels over {@code length} px, of n cells of {@code stride} px. */
        static Taps ofCells(int n, int length, int stride, int count) {
            Taps taps = new Taps(count);
            for (int i = 0; i < count; i++) {
                double at = (i + 0.5) * ((double) length / count) / stride - 0.5;
                at = Math.min(Math.max(at, 0), n - 1);
                taps.first[i] = Math.min((int) at, Math.max(0, n - 2));
                taps.second[i] = Math.min(taps.first[i] + 1, n - 1);
                taps.share[i] = at - taps.first[i];
            }
            return taps;
        }
    }

    private static double[] shrinkRows(Plane view, int count) {
        int n = view.height;
        int width = view.width;
        double[] result = new double[count * width];
        double[] running = new double[width];
        double[] before = new double[width];
        double area = (double) n / count;
        int at = 0;
        for (int cell = 0; cell < count; cell++) {
            long edge = (long) (cell + 1) * n;
            for (; at < edge / count; at++) {
                for (int x = 0; x < width; x++) {
                    running[x] += view.values[at * width + x];
                }
            }
            double share = (double) (edge % count) / count;
            for (int x = 0; x < width; x++) {
                double integral = at < n ? running[x] + share * view.values[at * width + x] : running[x];
                result[cell * width + x] = (integral - before[x]) / area;
                before[x] = integral;
            }
        }
        return result;
    }

    private static double[] shrinkColumns(double[] rows, int height, int n, int count) {
        double[] result = new double[height * count];
        double area = (double) n / count;
        for (int y = 0; y < height; y++) {
            double running = 0;
            double before = 0;
            int at = 0;
            for (int cell = 0; cell < count; cell++) {
                long edge = (long) (cell + 1) * n;
                for (; at < edge / count; at++) {
                    running += rows[y * n + at];
                }
                double share = (double) (edge % count) / count;
                double integral = at < n ? running + share * rows[y * n + at] : running;
                result[y * count + cell] = (integral - before) / area;
                before = integral;
            }
        }
        return result;
    }

    private static double[] enlargeColumns(Plane view, int count) {
        Taps taps = Taps.ofCentres(view.width, count);
        double[] result = new double[view.height * count];
        for (int y = 0; y < view.height; y++) {
            int row = y * view.width;
            for (int x = 0; x < count; x++) {
                double a = view.values[row + taps.first[x]];
                double b = view.values[row + taps.second[x]];
                result[y * count + x] = a * (1.0 - taps.share[x]) + b * taps.share[x];
            }
        }
        return result;
    }

    private static double[] enlargeRows(double[] columns, int n, int count, int width) {
        Taps taps = Taps.ofCentres(n, count);
        double[] result = new double[count * width];
        for (int y = 0; y < count; y++) {
            int first = taps.first[y] * width;
            int second = taps.second[y] * width;
            for (int x = 0; x < width; x++) {
                result[y * width + x] = columns[first + x] * (1.0 - taps.share[y]) + columns[second + x] * taps.share[y];
            }
        }
        return result;
    }
}
