package org.dpocket.core;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What every stage of a run took, in the order of the pipeline. */
public final class Timing {
    private final List<String> stages = new ArrayList<String>();
    private final List<Long> nanoseconds = new ArrayList<Long>();
    private long since = System.nanoTime();

    /** Ends the stage that began with the last call (or with this object). A stage that comes again adds to its first time. */
    public void mark(String stage) {
        long now = System.nanoTime();
        add(stage, now - since);
        since = now;
    }

    /** What passed since the last call belongs to no stage. */
    public void skip() {
        since = System.nanoTime();
    }

    void add(String stage, long taken) {
        int at = stages.indexOf(stage);
        if (at < 0) {
            stages.add(stage);
            nanoseconds.add(taken);
        } else {
            nanoseconds.set(at, nanoseconds.get(at) + taken);
        }
    }

    public List<String> stages() {
        return new ArrayList<String>(stages);
    }

    /** Milliseconds of a stage; 0 of one that never ran. */
    public double milliseconds(String stage) {
        int at = stages.indexOf(stage);
        return at < 0 ? 0 : nanoseconds.get(at) / 1e6;
    }

    public double totalMilliseconds() {
        long total = 0;
        for (long taken : nanoseconds) {
            total += taken;
        }
        return total / 1e6;
    }

    /** "preprocess 12.3 ms · network 4.1 ms · total 16.4 ms". */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (String stage : stages) {
            text.append(String.format(Locale.ROOT, "%s %.1f ms \u00B7 ", stage, milliseconds(stage)));
        }
        return text.append(String.format(Locale.ROOT, "total %.1f ms", totalMilliseconds())).toString();
    }
}
