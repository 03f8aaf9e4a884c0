package org.dpocket.core;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/** The numbers of a colour scale from {@code low} to {@code high}: where they stand and what they say. */
public final class ScaleBar {
    /** One number at {@code share} (0 at the low end, 1 at the high end) of the bar. */
    public static final class Tick {
        public final float share;
        public final String label;

        Tick(float share, String label) {
            this.share = share;
            this.label = label;
        }
    }

    private static final int MOST = 6;
    private static final double NEAR_AN_END = 0.14;
    private static final char MINUS = '\u2212';

    public final float low;
    public final float high;
    /** What the numbers are, with their unit; the second line explains the sign. */
    public final String title;
    public final String explanation;

    public ScaleBar(float low, float high, String title, String explanation) {
        if (!(low < high)) {
            throw new IllegalArgumentException("a scale cannot run from " + low + " to " + high);
        }
        this.low = low;
        this.high = high;
        this.title = title;
        this.explanation = explanation;
    }

    /** Both ends, and the round numbers between them (steps of 1, 2 or 5 times a power of ten), from low to high. */
    public List<Tick> ticks() {
        double step = roundStep((high - low) / MOST);
        int digits = Math.max(0, (int) -Math.floor(Math.log10(step) + 1e-9));
        List<Tick> ticks = new ArrayList<Tick>();
        ticks.add(new Tick(0, label(low, endDigits(digits, low))));
        for (long i = (long) Math.ceil(low / step); i * step < high; i++) {
            double share = (i * step - low) / (high - low);
            if (share > NEAR_AN_END && share < 1 - NEAR_AN_END) {
                ticks.add(new Tick((float) share, label(i * step, digits)));
            }
        }
        ticks.add(new Tick(1, label(high, endDigits(digits, high))));
        return Collections.unmodifiableList(ticks);
    }

    private static int endDigits(int digits, double end) {
        double shown = Math.rint(end * Math.pow(10, digits)) / Math.pow(10, digits);
        return Math.abs(shown - end) < 1e-4 * Math.max(1, Math.abs(end)) ? digits : digits + 1;
    }

    private static double roundStep(double least) {
        double power = Math.pow(10, Math.floor(Math.log10(least)));
        for (int factor : new int[] {1, 2, 5}) {
            if (factor * power >= least * (1 - 1e-6)) {
                return factor * power;
            }
        }
        return 10 * power;
    }

    /** {@code value} with {@code digits} decimals; signed where the scale is. */
    private String label(double value, int digits) {
        return low < 0 ? signed(value, digits) : String.format(Locale.ROOT, "%." + digits + "f", value);
    }

    /** {@code value} with {@code digits} decimals and its sign (a true minus); 0 has none. */
    public static String signed(double value, int digits) {
        String text = String.format(Locale.ROOT, "%." + digits + "f", Math.abs(value));
        boolean isZero = true;
        for (int i = 0; i < text.length(); i++) {
            isZero &= text.charAt(i) == '0' || text.charAt(i) == '.';
        }
        return isZero ? "0" : (value < 0 ? MINUS : '+') + text;
    }
}
