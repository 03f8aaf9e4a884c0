package org.dpocket.core;

import java.util.Arrays;
import java.util.Locale;

/**
 * The pictures of one capture: which of them is shown, the tapped point and the viewpoint, and the stage that shows it.
 * Pictures are computed in the background; when asked for faster than that, only the newest wish is.
 */
public final class Gallery {
    public enum Mode { PICTURE, DISPARITY, CONFIDENCE, REFOCUS, PARALLAX }

    /** Is told, on the screen's thread, of a new picture or why it could not be made. */
    interface Owner {
        void changed();

        void failed(Throwable thrown);
    }

    /** At the end of the scale, blur and shift reach these shares of the longer side. */
    private static final float BLUR_SHARE = 0.022f;
    private static final float SHIFT_SHARE = 0.025f;
    private static final int STRIP = 512;
    /** Sensors never rest: less than this is not worth a new picture. */
    private static final float LEAST_TILT = 0.01f;
    private static final int AROUND = 2;

    private final Background background;
    private final Owner owner;
    private String name = "";
    private int axisLength;
    private Preview preview;
    private Device.Opened opened;
    private Refocus refocus;
    private Mode mode = Mode.DISPARITY;
    private float markX = Float.NaN;
    private float markY = Float.NaN;
    private float tiltAcross;
    private float tiltDown;
    private Picture shown;
    private Mode shownMode;
    private boolean isDrawing;
    private boolean isStale;

    Gallery(Background background, Owner owner) {
        this.background = background;
        this.owner = owner;
    }

    /** Shows {@code preview} of a capture whose views are {@code axisLength} px long along the dual-pixel axis. */
    void show(String name, Preview preview, int axisLength, Device.Opened opened) {
        this.name = name;
        this.preview = preview;
        this.axisLength = axisLength;
        this.opened = opened;
        this.refocus = null;
        this.shown = null;
        markX = Float.NaN;
        markY = Float.NaN;
        tiltAcross = 0;
        tiltDown = 0;
        if (mode == Mode.CONFIDENCE && preview.confidence == null) {
            mode = Mode.DISPARITY;
        }
        redraw();
    }

    void clear() {
        preview = null;
        shown = null;
        refocus = null;
    }

    public Mode mode() {
        return mode;
    }

    /** Whether there is something to show in {@code mode}: a student without confidence has no such map. */
    public boolean has(Mode mode) {
        return preview != null && (mode != Mode.CONFIDENCE || preview.confidence != null);
    }

    public void choose(Mode mode) {
        if (has(mode)) {
            this.mode = mode;
            redraw();
        }
    }

    /** A tap at a place of the picture (its px): read the maps there; in the mode of refocusing, focus there. */
    public void tap(float x, float y) {
        if (preview != null) {
            markX = x;
            markY = y;
            redraw();
        }
    }

    /** The viewpoint, -1..1 across and down of what this capture's scale allows; counts in the mode of parallax only. */
    public void tilt(float across, float down) {
        float newAcross = Math.max(-1, Math.min(1, across));
        float newDown = Math.max(-1, Math.min(1, down));
        boolean isSame = Math.abs(newAcross - tiltAcross) < LEAST_TILT && Math.abs(newDown - tiltDown) < LEAST_TILT;
        if (preview == null || mode != Mode.PARALLAX || isSame) {
            return;
        }
        tiltAcross = newAcross;
        tiltDown = newDown;
        redraw();
    }

    /** Disparity (px of the capture) at the tapped point, the median around it; 0 before the first tap. */
    public float markedDisparity() {
        return Float.isNaN(markX) || preview == null ? 0 : median(preview.disparity);
    }

    /** What to draw now. */
    public Stage stage() {
        if (preview == null || shown == null) {
            return Stage.empty("Dual-pixel depth", "Open a .dpz package,", "or the left and the right view (PGM) together.");
        }
        boolean hasMark = shownMode != Mode.PARALLAX && !Float.isNaN(markX);
        Stage.Mark mark = new Stage.Mark(hasMark ? markX : Float.NaN, hasMark ? markY : Float.NaN, words());
        return new Stage(title(), shown, scale(), mark);
    }

    private String title() {
        switch (shownMode) {
            case DISPARITY:
                return "Disparity";
            case CONFIDENCE:
                return "Confidence";
            case REFOCUS:
                return "Refocus";
            case PARALLAX:
                return "Parallax";
            default:
                return name;
        }
    }

    private Stage.Scale scale() {
        if (shownMode == Mode.DISPARITY) {
            return new Stage.Scale(DisparityView.scale(preview.reach, axisLength), DisparityView.strip(STRIP));
        }
        if (shownMode == Mode.CONFIDENCE) {
            return new Stage.Scale(ConfidenceView.scale(opened.withinPx, opened.workingWidth), ConfidenceView.strip(STRIP));
        }
        return null;
    }

    private String words() {
        if (shownMode == Mode.PARALLAX) {
            return String.format(Locale.ROOT, "viewpoint %s across, %s down, in baselines",
                ScaleBar.signed(tiltAcross * viewpoints(), 1), ScaleBar.signed(tiltDown * viewpoints(), 1));
        }
        if (shownMode == Mode.REFOCUS) {
            return String.format(Locale.ROOT, "focus at disparity %s px%s", ScaleBar.signed(markedDisparity(), 2),
                Float.isNaN(markX) ? "; tap to focus elsewhere" : "");
        }
        if (Float.isNaN(markX)) {
            return "tap to read a value";
        }
        String confidence = preview.confidence == null ? ""
            : String.format(Locale.ROOT, ", confidence %.2f", median(preview.confidence));
        return String.format(Locale.ROOT, "here: disparity %s px%s", ScaleBar.signed(markedDisparity(), 2), confidence);
    }

    /** Apertures that full tilt moves the viewpoint by. */
    private float viewpoints() {
        return SHIFT_SHARE * Math.max(preview.view.width, preview.view.height) / (preview.reach * preview.share);
    }

    private float median(float[] map) {
        int width = preview.view.width;
        int height = preview.view.height;
        int centreX = Math.min(width - 1, Math.max(0, (int) markX));
        int centreY = Math.min(height - 1, Math.max(0, (int) markY));
        float[] near = new float[(2 * AROUND + 1) * (2 * AROUND + 1)];
        int count = 0;
        for (int y = Math.max(0, centreY - AROUND); y <= Math.min(height - 1, centreY + AROUND); y++) {
            for (int x = Math.max(0, centreX - AROUND); x <= Math.min(width - 1, centreX + AROUND); x++) {
                near[count++] = map[y * width + x];
            }
        }
        Arrays.sort(near, 0, count);
        return near[count / 2];
    }

    private void redraw() {
        if (isDrawing) {
            isStale = true;
            return;
        }
        isDrawing = true;
        isStale = false;
        final Preview of = preview;
        final Mode wanted = mode;
        final float focus = markedDisparity();
        final float across = tiltAcross * viewpoints();
        final float down = tiltDown * viewpoints();
        background.start(new Background.Job() {
            private Refocus lens = refocus;
            private Picture drawn;

            @Override
            void work() {
                if (wanted == Mode.REFOCUS && lens == null) {
                    lens = new Refocus(of.view, of.stepped());
                }
                drawn = draw(of, wanted, lens, focus, across, down);
            }

            @Override
            void done() {
                isDrawing = false;
                if (of == preview) {
                    shown = drawn;
                    shownMode = wanted;
                    refocus = lens;
                }
                if (isStale && preview != null) {
                    redraw();
                }
                owner.changed();
            }

            @Override
            void failed(Throwable thrown) {
                isDrawing = false;
                isStale = false;
                owner.failed(thrown);
            }
        });
    }

    private static Picture draw(Preview of, Mode mode, Refocus lens, float focus, float across, float down) {
        int width = of.view.width;
        int height = of.view.height;
        switch (mode) {
            case DISPARITY:
                return DisparityView.picture(of.disparity, width, height, of.reach);
            case CONFIDENCE:
                return ConfidenceView.picture(of.confidence, width, height);
            case REFOCUS:
                return lens.at(focus * of.share, BLUR_SHARE * Math.max(width, height) / (of.reach * of.share));
            case PARALLAX:
                int border = Math.round(SHIFT_SHARE * Math.max(width, height));
                return Parallax.from(of.view, of.stepped(), 0, across, down).inside(border);
            default:
                return of.view;
        }
    }
}
