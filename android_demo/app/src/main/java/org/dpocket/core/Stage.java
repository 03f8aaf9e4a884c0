package org.dpocket.core;

import java.util.List;

/**
 * The part of the screen that is drawn: title, picture with the tapped point, what is known of that point, and the colour scale
 * with its numbers. One object describes one state of it; it draws with any {@link Pen}.
 */
public final class Stage {
    public static final int BACKGROUND = 0xFF101418;
    public static final int TEXT = 0xFFE8EAED;
    public static final int QUIET = 0xFFA9B2BA;
    public static final int WARNING = 0xFFFFC857;

    private static final float MARGIN = 16;
    private static final float TITLE = 18;
    private static final float LABEL = 13;
    private static final float LINE = 19;
    private static final float STRIP = 16;
    private static final float TICK = 5;

    private final String title;
    private final Picture picture;
    private final Scale scale;
    private final Mark mark;
    private final String[] lines;

    /** A colour scale: its numbers and its colours. */
    public static final class Scale {
        final ScaleBar bar;
        final Picture strip;

        public Scale(ScaleBar bar, Picture strip) {
            this.bar = bar;
            this.strip = strip;
        }
    }

    /** A point of the picture (px of the picture) and what is said of it; NaN for a text without a point. */
    public static final class Mark {
        final float x;
        final float y;
        final String words;

        public Mark(float x, float y, String words) {
            this.x = x;
            this.y = y;
            this.words = words;
        }
    }

    /** {@code scale} and {@code mark} are null where there is none. */
    public Stage(String title, Picture picture, Scale scale, Mark mark) {
        this(title, picture, scale, mark, new String[0]);
    }

    private Stage(String title, Picture picture, Scale scale, Mark mark, String[] lines) {
        this.title = title;
        this.picture = picture;
        this.scale = scale;
        this.mark = mark;
        this.lines = lines;
    }

    /** Words in the place of a picture. */
    public static Stage empty(String title, String... lines) {
        return new Stage(title, null, null, null, lines);
    }

    /** What it shows, for who cannot see it. */
    public String words() {
        StringBuilder words = new StringBuilder(title);
        for (String line : lines) {
            words.append(' ').append(line);
        }
        return mark == null ? words.toString() : words.append(": ").append(mark.words).toString();
    }

    /** Draws into {@code width} × {@code height} screen px; {@code density} is screen px per dp (1/160 inch). */
    public void draw(Pen pen, float width, float height, float density) {
        pen.fill(0, 0, width, height, BACKGROUND);
        centred(pen, title, width, (MARGIN + TITLE) * density, TITLE * density, TEXT);
        if (picture == null) {
            for (int i = 0; i < lines.length; i++) {
                float y = height / 2 + (i - 0.5f * lines.length) * 1.4f * LINE * density;
                centred(pen, lines[i], width, y, LABEL * density, QUIET);
            }
            return;
        }
        float[] box = box(width, height, density);
        pen.picture(picture, box[0], box[1], box[2], box[3], true);
        float y = box[3] + LINE * density;
        if (mark != null) {
            drawMark(pen, box, density);
            centred(pen, mark.words, width, y, LABEL * density, TEXT);
        }
        if (scale != null) {
            drawScale(pen, width, y + 0.6f * LINE * density, density);
        }
    }

    /** Place of a screen point in the picture (px of the picture); null outside. Sizes as for {@link #draw}. */
    public float[] pictureAt(float screenX, float screenY, float width, float height, float density) {
        if (picture == null) {
            return null;
        }
        float[] box = box(width, height, density);
        float x = (screenX - box[0]) / (box[2] - box[0]);
        float y = (screenY - box[1]) / (box[3] - box[1]);
        return x < 0 || y < 0 || x >= 1 || y >= 1 ? null : new float[] {x * picture.width, y * picture.height};
    }

    /** Left, top, right, bottom of the picture: as large as fits above its scale, sides in proportion. */
    private float[] box(float width, float height, float density) {
        float top = (MARGIN + TITLE + 10) * density;
        float below = (LINE + (scale == null ? 0 : 0.6f * LINE + STRIP + TICK + 3 * LINE) + 8) * density;
        float scaleToFit = Math.min((width - 2 * MARGIN * density) / picture.width,
            Math.max(1, height - top - below) / picture.height);
        float shownWidth = picture.width * scaleToFit;
        float left = (width - shownWidth) / 2;
        return new float[] {left, top, left + shownWidth, top + picture.height * scaleToFit};
    }

    private void drawMark(Pen pen, float[] box, float density) {
        if (Float.isNaN(mark.x)) {
            return;
        }
        float x = box[0] + mark.x * (box[2] - box[0]) / picture.width;
        float y = box[1] + mark.y * (box[3] - box[1]) / picture.height;
        for (int pass = 0; pass < 2; pass++) {
            int colour = pass == 0 ? 0xFF000000 : 0xFFFFFFFF;
            float thickness = (pass == 0 ? 4 : 2) * density;
            float inner = 4 * density;
            float outer = 12 * density;
            pen.line(x - outer, y, x - inner, y, thickness, colour);
            pen.line(x + inner, y, x + outer, y, thickness, colour);
            pen.line(x, y - outer, x, y - inner, thickness, colour);
            pen.line(x, y + inner, x, y + outer, thickness, colour);
        }
    }

    /** One line in the middle, smaller where it would not fit between the margins. */
    private static void centred(Pen pen, String text, float width, float y, float size, int argb) {
        float room = width * 0.94f / Math.max(1, pen.textWidth(text, size));
        pen.text(text, width / 2, y, size * Math.min(1, room), Pen.Align.CENTRE, argb);
    }

    private void drawScale(Pen pen, float width, float top, float density) {
        float left = MARGIN * density;
        float right = width - left;
        float bottom = top + STRIP * density;
        pen.picture(scale.strip, left, top, right, bottom, false);
        List<ScaleBar.Tick> ticks = scale.bar.ticks();
        float labels = bottom + (TICK + LABEL + 1) * density;
        for (int i = 0; i < ticks.size(); i++) {
            ScaleBar.Tick tick = ticks.get(i);
            float x = left + tick.share * (right - left);
            pen.line(x, bottom, x, bottom + TICK * density, density, QUIET);
            Pen.Align align = i == 0 ? Pen.Align.LEFT : i == ticks.size() - 1 ? Pen.Align.RIGHT : Pen.Align.CENTRE;
            pen.text(tick.label, x, labels, LABEL * density, align, TEXT);
        }
        centred(pen, scale.bar.title, width, labels + LINE * density, LABEL * density, TEXT);
        centred(pen, scale.bar.explanation, width, labels + 2 * LINE * density, LABEL * density, QUIET);
    }
}
