package org.dpocket.core;

import java.util.concurrent.Executor;

/** Work away from the screen's thread, and its end back on it. */
final class Background {
    /** {@link #work} runs in the background, then one of the others on the screen's thread. */
    abstract static class Job {
        abstract void work() throws Exception;

        abstract void done();

        abstract void failed(Throwable thrown);
    }

    private final Executor work;
    private final Executor ui;

    Background(Executor work, Executor ui) {
        this.work = work;
        this.ui = ui;
    }

    void start(final Job job) {
        work.execute(new Runnable() {
            @Override
            public void run() {
                Throwable caught = null;
                try {
                    job.work();
                } catch (Throwable thrown) {
                    // Errors too: a phone runs out of memory, or lacks a library, while the app can go on.
                    caught = thrown;
                }
                finish(job, caught);
            }
        });
    }

    private void finish(final Job job, final Throwable thrown) {
        ui.execute(new Runnable() {
            @Override
            public void run() {
                if (thrown == null) {
                    job.done();
                } else {
                    job.failed(thrown);
                }
            }
        });
    }
}
