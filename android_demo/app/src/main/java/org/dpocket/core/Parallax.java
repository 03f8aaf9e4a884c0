package org.dpocket.core;

import java.util.Arrays;

/**
 * The scene from another place in the aperture (or beyond it): every point moves by viewpoint times disparity.
 *
 * <p>Viewpoint +½ along the dual-pixel axis is where the left view was taken, −½ the right one; larger ones exaggerate. The
 * surface is drawn as a mesh of pixels, nearer over farther; where it tears, what lies behind is continued from its farther side.
 */
public final class Parallax {
    /** A pixel that would be stretched over more than this is an edge between two surfaces. */
    private static final float TEAR = 2.5f;
    /** Points whose shifts differ by less than this (px) are on one surface. */
    private static final float SAME_SURFACE = 2;

    private Parallax() {}

    /**
     * {@code picture} as seen from ({@code across}, {@code down}), in apertures; points of disparity {@code pivot} (px of the
     * picture, like {@code disparity}) stay where they are. Sideways first, then down, with the disparity taken along.
     */
    public static Picture from(Picture picture, float[] disparity, float pivot, float across, float down) {
        int width = picture.width;
        int height = picture.height;
        if (disparity.length != picture.argb.length) {
            throw new IllegalArgumentException(disparity.length + " disparities for " + picture.argb.length + " pixels");
        }
        Line row = new Line(width, pivot);
        int[] colours = picture.argb.clone();
        float[] depths = disparity.clone();
        for (int y = 0; y < height && across != 0; y++) {
            row.take(colours, depths, y * width, 1);
            row.move(across);
            row.put(colours, depths, y * width, 1);
        }
        Line column = new Line(height, pivot);
        for (int x = 0; x < width && down != 0; x++) {
            column.take(colours, depths, x, width);
            column.move(down);
            column.put(colours, depths, x, width);
        }
        return new Picture(width, height, colours);
    }

    /** One row or column of pixels. */
    private static final class Line {
        private final float pivot;
        private final int[] from;
        private final float[] fromDepth;
        private final int[] to;
        private final float[] toDepth;

        Line(int length, float pivot) {
            this.pivot = pivot;
            from = new int[length];
            fromDepth = new float[length];
            to = new int[length];
            toDepth = new float[length];
        }

        void take(int[] colours, float[] depths, int first, int stride) {
            for (int i = 0; i < from.length; i++) {
                from[i] = colours[first + i * stride];
                fromDepth[i] = depths[first + i * stride];
            }
        }

        void put(int[] colours, float[] depths, int first, int stride) {
            for (int i = 0; i < to.length; i++) {
                colours[first + i * stride] = to[i];
                depths[first + i * stride] = toDepth[i];
            }
        }

        void move(float viewpoint) {
            Arrays.fill(toDepth, Float.NEGATIVE_INFINITY);
            for (int i = 0; i < from.length; i++) {
                float at = i + viewpoint * (fromDepth[i] - pivot);
                draw(at, at, i, i);
                if (i + 1 < from.length) {
                    float next = i + 1 + viewpoint * (fromDepth[i + 1] - pivot);
                    if (next > at && next - at <= TEAR) {
                        draw(at, next, i, i + 1);
                    }
                }
            }
            fill(viewpoint);
        }

        /** Draws the span between two pixels, or one pixel alone at the place nearest to it, where nothing nearer is. */
        private void draw(float start, float end, int first, int second) {
            int low = first == second ? Math.round(start) : (int) Math.ceil(start);
            int high = first == second ? low : (int) Math.floor(end);
            for (int x = Math.max(0, low); x <= Math.min(to.length - 1, high); x++) {
                float share = first == second ? 0 : (x - start) / (end - start);
                float depth = fromDepth[first] + share * (fromDepth[second] - fromDepth[first]);
                // A lone pixel is off by up to half a pixel: a span of the same surface is better.
                if (depth > toDepth[x] || (first != second && depth >= toDepth[x])) {
                    toDepth[x] = depth;
                    to[x] = mixed(from[first], from[second], share);
                }
            }
        }

        private void fill(float viewpoint) {
            int x = 0;
            while (x < to.length) {
                if (toDepth[x] != Float.NEGATIVE_INFINITY) {
                    x++;
                    continue;
                }
                int end = x;
                while (end < to.length && toDepth[end] == Float.NEGATIVE_INFINITY) {
                    end++;
                }
                boolean fromLeft = end == to.length || (x > 0 && toDepth[x - 1] <= toDepth[end]);
                if (fromLeft && x > 0) {
                    continueInto(x, end, x - 1, -1, viewpoint);
                } else if (end < to.length) {
                    continueInto(x, end, end, 1, viewpoint);
                } else {
                    System.arraycopy(from, 0, to, 0, to.length);
                    System.arraycopy(fromDepth, 0, toDepth, 0, to.length);
                }
                x = end;
            }
        }

        /** Mirrors the surface at {@code source}, which goes on in direction {@code away}, into a hole as far as it reaches. */
        private void continueInto(int first, int end, int source, int away, float viewpoint) {
            int at = source;
            for (int i = 0; i < end - first; i++) {
                int hole = away < 0 ? first + i : end - 1 - i;
                to[hole] = to[at];
                toDepth[hole] = toDepth[source];
                int next = at + away;
                boolean isSame = next >= 0 && next < to.length
                    && Math.abs(viewpoint * (toDepth[next] - toDepth[source])) < SAME_SURFACE;
                at = isSame ? next : at;
            }
        }

        private static int mixed(int a, int b, float share) {
            if (a == b || share == 0) {
                return a;
            }
            return Picture.rgb(mixed(a >> 16 & 255, b >> 16 & 255, (double) share),
                mixed(a >> 8 & 255, b >> 8 & 255, (double) share), mixed(a & 255, b & 255, (double) share));
        }

        private static double mixed(int a, int b, double share) {
            return a + share * (b - a);
        }
    }
}
