package org.dpocket.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.util.Random;
import org.junit.Test;

/** The plain formulas against Java's own library and against sums by hand. */
public class ExactTest {
    @Test
    public void aLogarithmIsWithinTwoUnitsInTheLastPlace() {
        Random random = new Random(1);
        for (int i = 0; i < 200000; i++) {
            double x = i % 2 == 0 ? Math.exp(1400 * random.nextDouble() - 700) : 0.5 + 1.5 * random.nextDouble();
            double expected = StrictMath.log(x);
            assertTrue("ln " + x, Math.abs(Exact.log(x) - expected) <= 2 * Math.ulp(expected));
        }
        assertEquals(0.0, Exact.log(1.0), 0.0);
    }

    @Test
    public void aRampIsASquaredSine() {
        for (int i = 0; i <= 1000; i++) {
            double sine = Math.sin(Math.PI / 2 * i / 1000);
            assertEquals(sine * sine, Exact.sineRamp(i / 1000.0), 1e-15);
        }
    }

    @Test
    public void mirroringDoesNotRepeatTheLastSample() {
        int[] places = new int[11];
        for (int i = 0; i < places.length; i++) {
            places[i] = Exact.mirrored(i - 4, 3);
        }
        assertArrayEquals(new int[] {0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2}, places);
        assertEquals(0, Exact.mirrored(-7, 1));
    }

    @Test
    public void aBoxMeanIsTheMeanOverMirroredSamples() {
        Random random = new Random(2);
        for (int[] size : new int[][] {{7, 9, 3}, {5, 4, 4}, {2, 3, 9}, {1, 1, 5}, {6, 8, 1}}) {
            double[] plane = new double[size[0] * size[1]];
            for (int i = 0; i < plane.length; i++) {
                plane[i] = random.nextDouble();
            }
            double[] found = Exact.boxMean(plane, size[0], size[1], size[2]);
            for (int y = 0; y < size[0]; y++) {
                for (int x = 0; x < size[1]; x++) {
                    assertEquals(mean(plane, size, y, x), found[y * size[1] + x], 1e-13);
                }
            }
        }
    }

    private static double mean(double[] plane, int[] size, int y, int x) {
        double sum = 0;
        for (int dy = 0; dy < size[2]; dy++) {
            for (int dx = 0; dx < size[2]; dx++) {
                sum += plane[Exact.mirrored(y + dy - size[2] / 2, size[0]) * size[1] + Exact.mirrored(x + dx - size[2] / 2, size[1])];
            }
        }
        return sum / (size[2] * size[2]);
    }

    @Test
    public void shrinkingAveragesAreasByHand() throws Exception {
        Plane view = new Plane(new float[] {1, 2, 3, 4, 5, 6, 7, 8, 9}, 3, 3);
        Plane half = Resize.toWidth(view, 2);
        // Cells of 1.5 × 1.5 px: the first holds 1, half of 2 and 4, a quarter of 5.
        assertEquals((1 + 1 + 2 + 1.25f) / 2.25f, half.values[0], 1e-6f);
        assertEquals(5f, Resize.toWidth(view, 1).values[0], 1e-6f);
    }

    @Test
    public void enlargingARampKeepsItsSlope() throws Exception {
        Plane ramp = Resize.toWidth(new Plane(new float[] {0, 1, 2, 3}, 1, 4), 8);
        assertArrayEquals(new float[] {0, 0.25f, 0.75f, 1.25f, 1.75f, 2.25f, 2.75f, 3}, new float[] {ramp.values[0],
            ramp.values[1], ramp.values[2], ramp.values[3], ramp.values[4], ramp.values[5], ramp.values[6], ramp.values[7]}, 1e-6f);
        assertEquals(2, ramp.height);
    }
}
