package org.dpocket.core;

import java.util.Arrays;

/**
 * A plane of any size through a network of one size, without seams: overlapping tiles and the blend of their outputs, the same
 * tiles and bits as {@code runtime_py.tiling.Tiling}, which says how.
 */
public final class Tiling {
    /** Cells of a padded plane. */
    private static final long MOST = 1 << 26;

    /** Height and width (px) of the plane. */
    public final int height;
    public final int width;
    private final int stride;
    private final Axis down;
    private final Axis across;

    /** Tiles of {@code tileHeight} × {@code tileWidth} px that overlap by a quarter. */
    public Tiling(int height, int width, int tileHeight, int tileWidth, int stride) throws DpException {
        this(height, width, tileHeight, tileWidth, stride, tileHeight / 4, tileWidth / 4);
    }

    /** @throws DpException for empty planes and for tiles that are no multiples of the stride or overlap wholly */
    public Tiling(int height, int width, int tileHeight, int tileWidth, int stride, int overlapDown, int overlapAcross)
        throws DpException {
        this.height = height;
        this.width = width;
        this.stride = stride;
        this.down = new Axis(height, tileHeight, stride, overlapDown);
        this.across = new Axis(width, tileWidth, stride, overlapAcross);
        if ((long) down.padded * across.padded > MOST) {
            throw new DpException("a plane of " + width + "×" + height + " is too large to be cut into tiles here");
        }
    }

    /** Number of tiles. */
    public int count() {
        return down.origins.length * across.origins.length;
    }

    /** Top (px of the padded plane) of a tile; tiles go row by row. */
    public int top(int tile) {
        return down.origins[tile / across.origins.length];
    }

    /** Left side of a tile. */
    public int left(int tile) {
        return across.origins[tile % across.origins.length];
    }

    /** A tile of an H×W plane, mirrored where it reaches beyond. */
    public float[] cut(float[] plane, int tile) {
        if (plane.length != height * width) {
            throw new IllegalArgumentException(plane.length + " samples are no plane of " + width + "×" + height);
        }
        float[] cut = new float[down.side * across.side];
        int at = 0;
        for (int y = 0; y < down.side; y++) {
            int row = Exact.mirrored(top(tile) + y, height) * width;
            for (int x = 0; x < across.side; x++) {
                cut[at++] = plane[row + Exact.mirrored(left(tile) + x, width)];
            }
        }
        return cut;
    }

    /** One map of the cells that touch the plane, from the tiles' outputs (tile / stride cells each) in order. */
    public Plane blend(float[][] outputs) {
        if (outputs.length != count()) {
            throw new IllegalArgumentException(count() + " outputs were expected, " + outputs.length + " came");
        }
        int columns = across.padded / stride;
        double[] total = new double[down.padded / stride * columns];
        for (int tile = 0; tile < outputs.length; tile++) {
            add(outputs[tile], tile, total, columns);
        }
        int cellsDown = ceil(height, stride);
        int cellsAcross = ceil(width, stride);
        float[] blended = new float[cellsDown * cellsAcross];
        for (int y = 0; y < cellsDown; y++) {
            for (int x = 0; x < cellsAcross; x++) {
                blended[y * cellsAcross + x] = (float) total[y * columns + x];
            }
        }
        return new Plane(blended, cellsDown, cellsAcross);
    }

    private void add(float[] output, int tile, double[] total, int columns) {
        double[] weightDown = down.weights[tile / across.origins.length];
        double[] weightAcross = across.weights[tile % across.origins.length];
        if (output.length != weightDown.length * weightAcross.length) {
            throw new IllegalArgumentException(output.length + " values are no output of tile " + tile);
        }
        int at = 0;
        for (int y = 0; y < weightDown.length; y++) {
            int row = (top(tile) / stride + y) * columns + left(tile) / stride;
            for (int x = 0; x < weightAcross.length; x++) {
                total[row + x] += weightDown[y] * weightAcross[x] * output[at++];
            }
        }
    }

    private static int ceil(int length, int step) {
        return (length + step - 1) / step;
    }

    /** Tiles along one axis: where they begin and, per tile and cell, their weights, which add up to one in each cell. */
    private static final class Axis {
        final int side;
        final int padded;
        final int[] origins;
        final double[][] weights;

        Axis(int length, int side, int stride, int overlap) throws DpException {
            if (length < 1 || side < 1 || stride < 1) {
                throw new DpException("cannot tile " + length + " px with tiles of " + side + " at stride " + stride);
            }
            if (side % stride != 0) {
                throw new DpException("tiles of " + side + " px are not multiples of the output stride " + stride);
            }
            if (overlap < 0 || overlap >= side) {
                throw new DpException("tiles of " + side + " px cannot overlap by " + overlap);
            }
            this.side = side;
            this.padded = Math.max(side, ceil(length, stride) * stride);
            this.origins = new int[1 + ceil(padded - side, side - overlap)];
            int steps = (padded - side) / stride;
            for (int i = 0; i < origins.length; i++) {
                origins[i] = (int) Math.rint((double) ((long) i * steps) / Math.max(1, origins.length - 1)) * stride;
            }
            this.weights = new double[origins.length][side / stride];
            weigh(stride, Math.max(1.0, (double) overlap / stride));
        }

        private void weigh(int stride, double ramp) {
            int cells = side / stride;
            double[] total = new double[padded / stride];
            for (int i = 0; i < origins.length; i++) {
                int first = origins[i] / stride;
                for (int j = 0; j < cells; j++) {
                    double inside = Double.POSITIVE_INFINITY;
                    inside = first > 0 ? Math.min(inside, j + 0.5) : inside;
                    inside = first + cells < total.length ? Math.min(inside, cells - (j + 0.5)) : inside;
                    weights[i][j] = Exact.sineRamp(Math.min(inside / ramp, 1));
                    total[first + j] += weights[i][j];
                }
            }
            for (int i = 0; i < origins.length; i++) {
                for (int j = 0; j < cells; j++) {
                    weights[i][j] /= total[origins[i] / stride + j];
                }
            }
        }
    }

    @Override
    public String toString() {
        return "tiles at rows " + Arrays.toString(down.origins) + " and columns " + Arrays.toString(across.origins);
    }
}
