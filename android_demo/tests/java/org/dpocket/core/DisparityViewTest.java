package org.dpocket.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.Test;

public class DisparityViewTest {
    private static List<String> labels(ScaleBar bar) {
        List<String> labels = new ArrayList<String>();
        for (ScaleBar.Tick tick : bar.ticks()) {
            labels.add(tick.label);
        }
        return labels;
    }

    private static int red(int argb) {
        return argb >> 16 & 255;
    }

    private static int blue(int argb) {
        return argb & 255;
    }

    @Test
    public void nearIsWarmFarIsColdAndFocusIsWhite() {
        Picture strip = DisparityView.strip(101);
        assertTrue(red(strip.argb[100]) > 2 * blue(strip.argb[100]));
        assertTrue(blue(strip.argb[0]) > 2 * red(strip.argb[0]));
        assertTrue(red(strip.argb[50]) > 240 && blue(strip.argb[50]) > 240);
    }

    @Test
    public void mapAndBarShareTheirEnds() {
        Picture strip = DisparityView.strip(64);
        float[] values = {-3, 3, -30, 30, 0};
        Picture map = DisparityView.picture(values, 5, 1, 3);
        assertEquals(strip.argb[0], map.argb[0]);
        assertEquals(strip.argb[63], map.argb[1]);
        assertEquals("beyond the scale", strip.argb[0], map.argb[2]);
        assertEquals("beyond the scale", strip.argb[63], map.argb[3]);
        assertEquals(DisparityView.strip(3).argb[1], map.argb[4]);
    }

    @Test
    public void unknownDisparityIsGreyAndNoColourOfTheScale() {
        int grey = DisparityView.picture(new float[] {Float.NaN}, 1, 1, 1).argb[0];
        assertEquals(0xFF808080, grey);
        for (int colour : DisparityView.strip(512).argb) {
            assertTrue(colour != grey);
        }
    }

    @Test
    public void reachIsAHighPercentileOfTheMagnitude() {
        float[] values = new float[1001];
        for (int i = 0; i <= 1000; i++) {
            values[i] = (i % 2 == 0 ? 1 : -1) * i / 100f;
        }
        assertEquals("995th of 0.00, 0.01 … 10.00", 9.95f, DisparityView.reach(values), 1e-5f);
        assertEquals("a flat scene has a scale, too", 0.1f, DisparityView.reach(new float[9]), 0);
        values[0] = Float.NaN;
        assertTrue(DisparityView.reach(values) < 10);
    }

    @Test
    public void barNamesBothEndsZeroAndRoundSteps() {
        assertEquals(Arrays.asList("\u22123.4", "\u22122", "0", "+2", "+3.4"), labels(DisparityView.scale(3.4f, 2016)));
        assertEquals(Arrays.asList("\u22126", "\u22124", "\u22122", "0", "+2", "+4", "+6"), labels(DisparityView.scale(6, 2016)));
        assertEquals(Arrays.asList("\u22120.10", "\u22120.05", "0", "+0.05", "+0.10"), labels(DisparityView.scale(0.1f, 2016)));
    }

    @Test
    public void ticksStandWhereTheirValuesAre() {
        List<ScaleBar.Tick> ticks = DisparityView.scale(8, 2016).ticks();
        assertEquals(0, ticks.get(0).share, 0);
        assertEquals(1, ticks.get(ticks.size() - 1).share, 0);
        for (ScaleBar.Tick tick : ticks) {
            float value = Float.parseFloat(tick.label.replace('\u2212', '-'));
            assertEquals((value + 8) / 16, tick.share, 1e-6f);
        }
    }

    @Test
    public void confidenceRunsFromZeroToOneAndNamesItsError() {
        ScaleBar bar = ConfidenceView.scale(0.5f, 768);
        assertEquals(Arrays.asList("0.0", "0.2", "0.4", "0.6", "0.8", "1.0"), labels(bar));
        assertTrue(bar.explanation, bar.explanation.contains("0.5 px at 768 px width"));
        assertEquals("", ConfidenceView.scale(Float.NaN, 768).explanation);
        Picture map = ConfidenceView.picture(new float[] {-0.2f, 0, 1, 1.2f}, 4, 1);
        assertEquals(map.argb[1], map.argb[0]);
        assertEquals(map.argb[2], map.argb[3]);
        assertEquals(ConfidenceView.strip(9).argb[0], map.argb[0]);
        assertEquals(ConfidenceView.strip(9).argb[8], map.argb[2]);
    }
}
