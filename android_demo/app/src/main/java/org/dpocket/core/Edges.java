package org.dpocket.core;

/** Sharper steps of a disparity map: a network's map slopes over some pixels where the scene jumps. */
final class Edges {
    private Edges() {}

    /**
     * {@code map} (H×W) in which every value beside a step of more than {@code least} takes the end of its neighbourhood
     * (within {@code radius} px) that it is nearer to; slopes that are gentler than that stay as they are.
     */
    static float[] sharpened(float[] map, int width, int height, int radius, float least) {
        float[] low = extreme(extreme(map, width, height, radius, 1, -1), width, height, radius, width, -1);
        float[] high = extreme(extreme(map, width, height, radius, 1, 1), width, height, radius, width, 1);
        float[] sharp = new float[map.length];
        for (int i = 0; i < map.length; i++) {
            boolean isStep = high[i] - low[i] > least;
            sharp[i] = !isStep ? map[i] : map[i] - low[i] < high[i] - map[i] ? low[i] : high[i];
        }
        return sharp;
    }

    /** The largest ({@code sign} 1) or smallest (−1) value within {@code radius} along one axis; {@code step} 1 is across. */
    private static float[] extreme(float[] map, int width, int height, int radius, int step, int sign) {
        float[] found = new float[map.length];
        int length = step == 1 ? width : height;
        for (int i = 0; i < map.length; i++) {
            int at = step == 1 ? i % width : i / width;
            float best = map[i];
            for (int k = Math.max(-radius, -at); k <= Math.min(radius, length - 1 - at); k++) {
                float other = map[i + k * step];
                best = sign * (other - best) > 0 ? other : best;
            }
            found[i] = best;
        }
        return found;
    }
}
