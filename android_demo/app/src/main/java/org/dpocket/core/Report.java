package org.dpocket.core;

import java.util.Locale;

/** What stands under the picture: runtime, self-test and times, a line each. */
public final class Report {
    private Report() {}

    /** {@code opened}, {@code timing} and {@code views} are null for what has not happened yet. */
    static String of(String runtime, Device.Opened opened, Timing timing, Device.Views views) {
        StringBuilder text = new StringBuilder();
        if (opened == null) {
            text.append("Runtime: ").append(runtime).append(", not open");
        } else {
            text.append("Runtime: ").append(opened.runtime).append('\n');
            text.append(opened.agrees ? "Self-test: " : "SELF-TEST FAILED: ").append(opened.selfTest);
        }
        if (views != null) {
            text.append(String.format(Locale.ROOT, "\nCapture: %s, %d\u00D7%d", views.name, views.left.width,
                views.left.height));
        }
        if (timing != null) {
            text.append("\nTime: ").append(timing);
        }
        return text.toString();
    }
}
