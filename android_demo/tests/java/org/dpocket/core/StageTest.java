package org.dpocket.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.Test;

public class StageTest {
    /** Remembers where pictures and texts went; letters are half as wide as high. */
    private static final class Recorder implements Pen {
        final List<float[]> pictures = new ArrayList<float[]>();
        final List<String> texts = new ArrayList<String>();
        float leftmost = Float.MAX_VALUE;
        float rightmost = -Float.MAX_VALUE;
        float lowest = 0;

        @Override
        public void fill(float left, float top, float right, float bottom, int argb) {}

        @Override
        public void line(float fromX, float fromY, float toX, float toY, float thickness, int argb) {}

        @Override
        public void picture(Picture picture, float left, float top, float right, float bottom, boolean smooth) {
            pictures.add(new float[] {left, top, right, bottom});
        }

        @Override
        public void text(String text, float x, float y, float size, Align align, int argb) {
            texts.add(text);
            float width = textWidth(text, size);
            float left = align == Align.LEFT ? x : align == Align.CENTRE ? x - width / 2 : x - width;
            leftmost = Math.min(leftmost, left);
            rightmost = Math.max(rightmost, left + width);
            lowest = Math.max(lowest, y);
        }

        @Override
        public float textWidth(String text, float size) {
            return text.length() * size / 2;
        }
    }

    private static Stage disparityStage() {
        Stage.Scale scale = new Stage.Scale(DisparityView.scale(3, 2016), DisparityView.strip(64));
        return new Stage("Disparity", new Picture(400, 300), scale, new Stage.Mark(Float.NaN, Float.NaN, "a line that is far too long"
            + " for a narrow screen and that has to be made smaller, so that nothing of it is cut off"));
    }

    @Test
    public void everythingStaysOnTheScreenInAnyShape() {
        for (float[] screen : new float[][] {{1080, 1500, 3}, {1500, 800, 3}, {320, 400, 1}, {600, 2400, 2}}) {
            Recorder pen = new Recorder();
            disparityStage().draw(pen, screen[0], screen[1], screen[2]);
            for (float[] box : pen.pictures) {
                assertTrue(box[0] >= 0 && box[1] >= 0 && box[2] <= screen[0] + 1e-3f && box[3] <= screen[1]);
            }
            assertTrue(pen.leftmost >= 0 && pen.rightmost <= screen[0] && pen.lowest < screen[1]);
        }
    }

    @Test
    public void picturesKeepTheirShape() {
        Recorder pen = new Recorder();
        disparityStage().draw(pen, 1080, 1500, 3);
        float[] box = pen.pictures.get(0);
        assertEquals(4 / 3.0, (box[2] - box[0]) / (box[3] - box[1]), 1e-5);
    }

    @Test
    public void aTouchFindsThePixelThatIsDrawnThere() {
        Stage stage = disparityStage();
        Recorder pen = new Recorder();
        stage.draw(pen, 1080, 1500, 3);
        float[] box = pen.pictures.get(0);
        float x = box[0] + 0.25f * (box[2] - box[0]);
        float y = box[1] + 0.75f * (box[3] - box[1]);
        assertArrayEquals(new float[] {100, 225}, stage.pictureAt(x, y, 1080, 1500, 3), 1e-3f);
        assertNull(stage.pictureAt(box[0] - 1, y, 1080, 1500, 3));
        assertNull(stage.pictureAt(x, box[3] + 1, 1080, 1500, 3));
        assertNull(Stage.empty("t", "line").pictureAt(5, 5, 10, 10, 1));
    }

    @Test
    public void theScaleIsDrawnWithNumbersUnitAndSign() {
        Recorder pen = new Recorder();
        disparityStage().draw(pen, 1080, 1500, 3);
        assertTrue(pen.texts.toString(), pen.texts.contains("\u22123") && pen.texts.contains("+3") && pen.texts.contains("0"));
        String all = pen.texts.toString();
        assertTrue(all, all.contains("px at 2016 px") && all.contains("+ nearer") && all.contains("beyond the focus plane"));
    }

    @Test
    public void wordsSayWhatIsShown() {
        assertEquals("Refocus: focus at disparity +1.00 px",
            new Stage("Refocus", new Picture(4, 3), null, new Stage.Mark(1, 1, "focus at disparity +1.00 px")).words());
    }
}
