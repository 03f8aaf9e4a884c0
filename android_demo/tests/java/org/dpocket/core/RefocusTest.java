package org.dpocket.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.junit.Test;

public class RefocusTest {
    private static final int WHITE = 0xFFFFFFFF;
    private static final int BLACK = 0xFF000000;

    private static float[] constant(int length, float value) {
        float[] map = new float[length];
        Arrays.fill(map, value);
        return map;
    }

    private static double light(int argb) {
        return Math.pow((argb & 255) / 255.0, 2.2);
    }

    /** A bright half at disparity +2 on the left and a dark one at −2 on the right. */
    private static Picture halves(int width, int height, float[] disparity) {
        Picture picture = new Picture(width, height);
        for (int i = 0; i < picture.argb.length; i++) {
            boolean isNear = i % width < width / 2;
            picture.argb[i] = isNear ? WHITE : BLACK;
            disparity[i] = isNear ? 2 : -2;
        }
        return picture;
    }

    @Test
    public void planeInFocusIsUntouched() {
        Picture noise = new Picture(17, 11);
        Random dice = new Random(1);
        for (int i = 0; i < noise.argb.length; i++) {
            noise.argb[i] = 0xFF000000 | dice.nextInt(1 << 24);
        }
        float[] plane = constant(17 * 11, 1.5f);
        assertArrayEquals(noise.argb, new Refocus(noise, plane).at(1.5f, 3).argb);
    }

    @Test
    public void pixelsInFocusAreUntouchedBesideBlurredOnes() {
        float[] disparity = new float[40 * 20];
        Picture noise = halves(40, 20, disparity);
        Random dice = new Random(2);
        for (int i = 0; i < noise.argb.length; i++) {
            noise.argb[i] = 0xFF000000 | dice.nextInt(256) * 0x010101;
        }
        Picture focused = new Refocus(noise, disparity).at(2, 1);
        for (int i = 0; i < noise.argb.length; i++) {
            if (disparity[i] == 2) {
                assertEquals(noise.argb[i], focused.argb[i]);
            }
        }
    }

    @Test
    public void sharpForegroundGivesNoLightToTheBlurBehindIt() {
        float[] disparity = new float[40 * 20];
        Picture picture = halves(40, 20, disparity);
        assertArrayEquals(picture.argb, new Refocus(picture, disparity).at(2, 2).argb);
    }

    @Test
    public void blurredForegroundSpreadsOverTheSharpBackground() {
        float[] disparity = new float[40 * 20];
        Picture picture = halves(40, 20, disparity);
        Picture far = new Refocus(picture, disparity).at(-2, 1);
        int row = 10 * 40;
        double before = 1;
        for (int x = 20; x < 24; x++) {
            double here = light(far.argb[row + x]);
            assertTrue("light falls off beyond the outline", here < before && here > 0);
            before = here;
        }
        assertEquals("beyond 4 px of radius", BLACK, far.argb[row + 26]);
    }

    @Test
    public void aPointBecomesADiscOfTheCircleOfConfusionAndKeepsItsLight() {
        int side = 31;
        Picture point = new Picture(side, side);
        Arrays.fill(point.argb, BLACK);
        point.argb[15 * side + 15] = WHITE;
        Picture disc = new Refocus(point, constant(side * side, 3)).at(0, 2);
        double total = 0;
        for (int y = 0; y < side; y++) {
            for (int x = 0; x < side; x++) {
                double here = light(disc.argb[y * side + x]);
                total += here;
                double radius = Math.hypot(x - 15, y - 15);
                if (radius > 7.1) {
                    assertEquals("outside the radius of 3 px × 2", 0, here, 0);
                } else if (radius < 5.4) {
                    assertEquals("even inside", 1 / (Math.PI * 6.5 * 6.5), here, 8e-4);
                }
            }
        }
        assertEquals(1, total, 0.05);
    }

    @Test
    public void evenSurfaceStaysEvenUpToTheBorder() {
        int width = 33;
        float[] slope = new float[width * 9];
        for (int i = 0; i < slope.length; i++) {
            slope[i] = (i % width) * 0.25f - 3;
        }
        Picture grey = new Picture(width, 9);
        Arrays.fill(grey.argb, 0xFF7F7F7F);
        for (int argb : new Refocus(grey, slope).at(0.3f, 2).argb) {
            assertEquals(0xFF7F7F7F, argb);
        }
    }

    @Test
    public void discBlurEqualsTheSumOverItsChords() {
        float[] plane = new float[9 * 7];
        plane[3 * 9 + 4] = 1;
        float[] blurred = DiscBlur.of(plane, 9, 7, 1.5f);
        // A disc of radius 2 about pixel centres has chords of half length 2, √3 and 0 in rows 0, ±1 and ±2.
        double area = 4 + 4 * Math.sqrt(3);
        assertEquals(1 / area, blurred[3 * 9 + 4], 1e-6);
        assertEquals(0.5 / area, blurred[3 * 9 + 6], 1e-6);
        assertEquals((Math.sqrt(3) - 1.5) / area, blurred[2 * 9 + 6], 1e-6);
        assertEquals(0, blurred[1 * 9 + 4], 0);
    }
}
