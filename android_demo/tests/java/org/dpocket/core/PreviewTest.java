package org.dpocket.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;

import org.junit.Test;

public class PreviewTest {
    private static Plane ramp(int width, int height, float step) {
        float[] values = new float[width * height];
        for (int i = 0; i < values.length; i++) {
            values[i] = i % width * step;
        }
        return new Plane(values, height, width);
    }

    private static Preview preview(int width, int height, int turns) {
        Plane light = ramp(width, height, 1f / width);
        return Preview.of(new Device.Views("v", light, light, turns, null), new Device.Found(ramp(width, height, 0.01f), null, null));
    }

    @Test
    public void blocksAreAveragedAndDisparityStaysInPixelsOfTheCapture() {
        Preview preview = preview(1440, 4, 0);
        assertEquals(720, preview.view.width);
        assertEquals(2, preview.view.height);
        assertEquals(0.5f, preview.share, 0);
        assertEquals("mean of 0.20 and 0.21", 0.205f, preview.disparity[10], 1e-6f);
        assertNull(preview.confidence);
    }

    @Test
    public void theLastBlocksMayBeSmaller() {
        assertArrayEquals(new float[] {0.5f, 2.5f, 4}, Preview.means(ramp(5, 1, 1), 2).values, 0);
        float[] square = Preview.means(ramp(5, 5, 1), 3).values;
        assertArrayEquals(new float[] {1, 3.5f, 1, 3.5f}, square, 1e-6f);
    }

    @Test
    public void anUprightPreviewIsTurnedWithItsMaps() {
        Preview preview = preview(40, 10, 1);
        assertEquals(10, preview.view.width);
        assertEquals(40, preview.view.height);
        assertEquals("clockwise, left becomes top", 0, preview.disparity[5], 0);
        assertEquals(0.39f, preview.disparity[39 * 10 + 5], 1e-6f);
    }

    @Test
    public void aSlopeBetweenTwoSurfacesBecomesAStepAndAGentleOneStays() {
        float[] edge = {0, 0, 0, 0.5f, 1, 1.5f, 2, 2, 2};
        assertArrayEquals(new float[] {0, 0, 0, 0, 0, 2, 2, 2, 2}, replaceMiddle(Edges.sharpened(edge, 9, 1, 3, 0.5f)), 0);
        float[] gentle = ramp(9, 1, 0.05f).values;
        assertArrayEquals(gentle, Edges.sharpened(gentle, 9, 1, 3, 0.5f), 0);
    }

    /** The value in the very middle of the slope may go either way. */
    private static float[] replaceMiddle(float[] map) {
        map[4] = map[4] == 2 ? 0 : map[4];
        return map;
    }
}
