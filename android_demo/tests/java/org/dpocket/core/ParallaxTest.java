package org.dpocket.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;

import java.util.Arrays;
import java.util.Random;
import org.junit.Test;

public class ParallaxTest {
    private static Picture noise(int width, int height) {
        Picture picture = new Picture(width, height);
        Random dice = new Random(3);
        for (int i = 0; i < picture.argb.length; i++) {
            picture.argb[i] = 0xFF000000 | dice.nextInt(1 << 24);
        }
        return picture;
    }

    private static float[] constant(int length, float value) {
        float[] map = new float[length];
        Arrays.fill(map, value);
        return map;
    }

    private static Picture row(int... greys) {
        Picture picture = new Picture(greys.length, 1);
        for (int i = 0; i < greys.length; i++) {
            picture.argb[i] = 0xFF000000 | greys[i] * 0x010101;
        }
        return picture;
    }

    @Test
    public void constantDisparityIsAPureShift() {
        Picture picture = noise(12, 6);
        Picture moved = Parallax.from(picture, constant(72, 2), 0, 1.5f, 0);
        for (int y = 0; y < 6; y++) {
            for (int x = 3; x < 12; x++) {
                assertEquals("3 px to the right", picture.argb[y * 12 + x - 3], moved.argb[y * 12 + x]);
            }
        }
    }

    @Test
    public void constantDisparityMovesDownAsItMovesAcross() {
        Picture picture = noise(6, 9);
        Picture moved = Parallax.from(picture, constant(54, -1), 0, 0, 2);
        for (int y = 0; y < 7; y++) {
            for (int x = 0; x < 6; x++) {
                assertEquals("2 px up", picture.argb[(y + 2) * 6 + x], moved.argb[y * 6 + x]);
            }
        }
    }

    @Test
    public void halfAPixelMixesNeighbours() {
        Picture moved = Parallax.from(row(0, 100, 200, 50), constant(4, 1), 0, 0.5f, 0);
        assertArrayEquals("the border is continued", row(50, 50, 150, 125).argb, moved.argb);
    }

    @Test
    public void thePivotStaysWhereItIs() {
        Picture picture = noise(12, 6);
        assertArrayEquals(picture.argb, Parallax.from(picture, constant(72, 4), 4, 7, -3).argb);
    }

    @Test
    public void noTiltShowsThePictureItself() {
        Picture picture = noise(12, 6);
        float[] disparity = new float[72];
        Random dice = new Random(4);
        for (int i = 0; i < 72; i++) {
            disparity[i] = (float) dice.nextGaussian() * 5;
        }
        assertArrayEquals(picture.argb, Parallax.from(picture, disparity, 0, 0, 0).argb);
    }

    @Test
    public void nearerCoversFartherAndTheHoleMirrorsTheBackground() {
        // Two near pixels (200) at +4 before a background (10…90) at 0, moved 4 px to the right.
        Picture picture = row(10, 20, 200, 201, 50, 60, 70, 80, 90);
        float[] disparity = {0, 0, 4, 4, 0, 0, 0, 0, 0};
        Picture moved = Parallax.from(picture, disparity, 0, 1, 0);
        assertArrayEquals(row(10, 20, 20, 10, 50, 60, 200, 201, 90).argb, moved.argb);
    }

    @Test
    public void whatIsBehindMovesTheOtherWayAndIsCovered() {
        Picture picture = row(10, 20, 30, 200, 201, 202, 40, 50, 60);
        float[] disparity = {-2, -2, -2, 0, 0, 0, -2, -2, -2};
        Picture moved = Parallax.from(picture, disparity, 0, 1, 0);
        assertArrayEquals("background slides under the object; at the border it is continued",
            row(30, 30, 30, 200, 201, 202, 60, 60, 60).argb, moved.argb);
    }

    @Test
    public void halfAnApertureTurnsTheMeanViewIntoTheLeftOne() {
        // x_left = x + d/2: a ramp of light at disparity 2 moves by one px, as it stands in the left view.
        Picture mean = row(10, 20, 30, 40, 50);
        assertArrayEquals(row(10, 10, 20, 30, 40).argb, Parallax.from(mean, constant(5, 2), 0, 0.5f, 0).argb);
    }
}
