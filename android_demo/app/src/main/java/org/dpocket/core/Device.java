package org.dpocket.core;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;

/**
 * What a {@link Session} asks of the phone it runs on: models, files, the camera. Its methods are called on a background thread,
 * one at a time, and may take seconds; what they throw is shown to the user through {@link Words}.
 */
public interface Device {
    /** A file that a person picked. */
    interface Source {
        String name();

        InputStream open() throws IOException;
    }

    /** Two linear views of one size, dual-pixel axis horizontal, and whatever the device needs to export them. */
    final class Views {
        public final String name;
        public final Plane left;
        public final Plane right;
        /** Clockwise quarter turns that make them upright. */
        public final int turns;
        public final Object origin;

        public Views(String name, Plane left, Plane right, int turns, Object origin) {
            if (left.width != right.width || left.height != right.height) {
                throw new IllegalArgumentException("views of " + left.width + "×" + left.height + " and " + right.width
                    + "×" + right.height + " are no pair");
            }
            this.name = name;
            this.left = left;
            this.right = right;
            this.turns = turns;
            this.origin = origin;
        }
    }

    /** Maps of the views' size: signed disparity in px of the views; confidence 0..1, or null where the student has none. */
    final class Found {
        public final Plane disparity;
        public final Plane confidence;
        /** Whatever the device needs to export them. */
        public final Object origin;

        public Found(Plane disparity, Plane confidence, Object origin) {
            this.disparity = disparity;
            this.confidence = confidence;
            this.origin = origin;
        }
    }

    /** A model that was opened and has run its golden pair. */
    final class Opened {
        /** The runtime and its delegate, in words. */
        public final String runtime;
        /** Whether the golden pair came out as it must. */
        public final boolean agrees;
        /** That, in a sentence. */
        public final String selfTest;
        public final int workingWidth;
        /** Of the contract's confidence; NaN where it gives none. */
        public final float withinPx;

        public Opened(String runtime, boolean agrees, String selfTest, int workingWidth, float withinPx) {
            this.runtime = runtime;
            this.agrees = agrees;
            this.selfTest = selfTest;
            this.workingWidth = workingWidth;
            this.withinPx = withinPx;
        }
    }

    /** Names of the runtimes that the app was built with, the preferred one first. */
    List<String> runtimes();

    /** Makes {@code runtime} the one that runs, and runs its golden pair. */
    Opened open(String runtime) throws Exception;

    /** The capture in the picked files: a package, or two views that belong together. */
    Views load(List<Source> files) throws Exception;

    /** Disparity and confidence of {@code views}; marks its stages in {@code timing}. */
    Found run(Views views, Timing timing) throws Exception;

    /** Writes a capture package that `dpocket run` and `dpocket parity` replay; does not close {@code out}. */
    void export(Views views, Found found, OutputStream out) throws Exception;

    /** Why there is no live capture here, in words; null where there is. */
    String whyNoCapture();

    Views capture() throws Exception;
}
