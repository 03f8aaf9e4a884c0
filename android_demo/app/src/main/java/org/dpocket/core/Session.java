package org.dpocket.core;

import java.io.OutputStream;
import java.util.List;
import java.util.concurrent.Executor;

/**
 * What the app knows and may do now, without a screen: states, messages, which buttons work, and the picture to show.
 *
 * <p>All methods are called on the screen's thread; work happens in {@code work}, one job after another, and its results come
 * back through {@code ui}. A session outlives the screen that shows it, so that turning the phone loses nothing.
 */
public final class Session {
    /** Idle: nothing to show yet. Loading: a model or a file. Shown: a capture with its disparity. */
    public enum State { IDLE, LOADING, RUNNING, SHOWN, FAILED }

    public enum Action { OPEN, CAPTURE, RUNTIME, EXPORT, MODE }

    /** Is told, on the screen's thread, that something to be shown has changed. */
    public interface Screen {
        void changed(Session session);
    }

    private static final String DISAGREES =
        "This device does not compute what the desktop computes; do not trust what it shows.";

    private final Device device;
    private final Background background;
    private final Gallery gallery;
    private final PackageWriter writer;
    private Screen screen;
    private State state = State.IDLE;
    private String message = "";
    private int runtime;
    private Device.Opened opened;
    private Device.Views views;
    private Device.Found found;
    private Timing timing;
    private List<Device.Source> waiting;

    public Session(Device device, Executor work, Executor ui) {
        this.device = device;
        this.background = new Background(work, ui);
        this.gallery = new Gallery(background, new Gallery.Owner() {
            @Override
            public void changed() {
                tell();
            }

            @Override
            public void failed(Throwable thrown) {
                say(Words.of(thrown));
            }
        });
        this.writer = new PackageWriter(device, background, new PackageWriter.Listener() {
            @Override
            public void said(String words) {
                say(words);
                openWaiting();
            }
        });
    }

    /** Shows itself on {@code screen} from now on; null when the screen goes away. */
    public void attach(Screen screen) {
        this.screen = screen;
        if (screen != null) {
            screen.changed(this);
        }
    }

    /** Opens the next runtime; a capture that is shown is run again on it. */
    public void nextRuntime() {
        if (allows(Action.RUNTIME)) {
            runtime = (runtime + 1) % device.runtimes().size();
            opened = null;
            start();
        }
    }

    /** Opens the runtime, the preferred one at first, and runs its golden pair. */
    public void start() {
        final String name = device.runtimes().get(runtime);
        begin(State.LOADING, "Opening " + name + " and running its golden pair \u2026", new Step() {
            private Device.Opened result;

            @Override
            void work() throws Exception {
                result = device.open(name);
            }

            @Override
            void next() {
                opened = result;
                message = result.agrees ? "" : DISAGREES;
                state = State.IDLE;
                if (views != null) {
                    run(views);
                }
            }
        });
    }

    /** Loads the picked files and runs the student on them. */
    public void open(final List<Device.Source> files) {
        if (!allows(Action.OPEN)) {
            // Android may end the app while its picker is open: the files come back before the model is open again.
            waiting = files;
            return;
        }
        if (files.isEmpty()) {
            say("Nothing was picked.");
            return;
        }
        load("Reading " + files.get(0).name() + " \u2026", new Loader() {
            @Override
            public Device.Views load() throws Exception {
                return device.load(files);
            }
        });
    }

    /** Takes a capture with the camera, or says why this phone cannot. */
    public void capture() {
        if (!allows(Action.CAPTURE)) {
            return;
        }
        String reason = device.whyNoCapture();
        if (reason != null) {
            say(reason);
            return;
        }
        load("Capturing; hold still \u2026", new Loader() {
            @Override
            public Device.Views load() throws Exception {
                return device.capture();
            }
        });
    }

    private interface Loader {
        Device.Views load() throws Exception;
    }

    private void load(String words, final Loader loader) {
        views = null;
        found = null;
        gallery.clear();
        begin(State.LOADING, words, new Step() {
            private Device.Views result;

            @Override
            void work() throws Exception {
                result = loader.load();
            }

            @Override
            void next() {
                run(result);
            }
        });
    }

    private void run(final Device.Views given) {
        views = given;
        final boolean isOpen = opened != null;
        final String name = device.runtimes().get(runtime);
        begin(State.RUNNING, "Running the student on " + name + " \u2026", new Step() {
            private final Timing taken = new Timing();
            private Device.Opened nowOpened;
            private Device.Found result;
            private Preview preview;

            @Override
            void work() throws Exception {
                // The runtime did not open at the start; the reason may be gone.
                nowOpened = isOpen ? null : device.open(name);
                taken.skip();
                result = device.run(given, taken);
                preview = Preview.of(given, result);
                taken.mark("pictures");
            }

            @Override
            void next() {
                opened = nowOpened == null ? opened : nowOpened;
                found = result;
                timing = taken;
                state = State.SHOWN;
                message = opened.agrees ? "" : DISAGREES;
                gallery.show(given.name, preview, given.left.width, opened);
            }
        });
    }

    /** Writes the capture that is shown into {@code out} as a package and closes it; {@code name} is for the message. */
    public void export(OutputStream out, String name) {
        if (allows(Action.EXPORT)) {
            writer.write(views, found, out, name);
        } else {
            writer.refuse(out);
        }
    }

    /** Whether a button for {@code action} works now. */
    public boolean allows(Action action) {
        switch (action) {
            case RUNTIME:
                return !isBusy() && device.runtimes().size() > 1;
            case EXPORT:
                return !isBusy() && state == State.SHOWN;
            case MODE:
                return state == State.SHOWN;
            default:
                return !isBusy();
        }
    }

    /** Why there is no live capture here; null where there is. */
    public String whyNoCapture() {
        return device.whyNoCapture();
    }

    /** A file name for the package of the capture that is shown. */
    public String exportName() {
        return views == null ? "capture.dpz" : views.name.replaceAll("[^A-Za-z0-9_.-]+", "_") + ".dpz";
    }

    /** Shows {@code words} as the message. */
    public void say(String words) {
        message = words;
        tell();
    }

    public State state() {
        return state;
    }

    public boolean isBusy() {
        return state == State.LOADING || state == State.RUNNING || writer.isWriting();
    }

    /** What the user should know now; empty where nothing is. */
    public String message() {
        return message;
    }

    /** Name of the runtime that runs. */
    public String runtime() {
        return device.runtimes().get(runtime);
    }

    /** Runtime, self-test and times, a line each. */
    public String report() {
        return Report.of(runtime(), opened, timing == null || found == null ? null : timing, views);
    }

    /** The pictures of the capture that is shown. */
    public Gallery gallery() {
        return gallery;
    }

    private void tell() {
        if (screen != null) {
            screen.changed(this);
        }
    }

    /** A job that makes the session busy, and that ends in another state or in words. */
    private abstract class Step extends Background.Job {
        abstract void next();

        @Override
        final void done() {
            next();
            tell();
            openWaiting();
        }

        @Override
        final void failed(Throwable thrown) {
            // The capture stays, for another runtime, unless there is no room for it.
            views = thrown instanceof OutOfMemoryError ? null : views;
            found = null;
            gallery.clear();
            state = State.FAILED;
            message = Words.of(thrown);
            tell();
            openWaiting();
        }
    }

    private void openWaiting() {
        if (waiting != null && allows(Action.OPEN)) {
            List<Device.Source> files = waiting;
            waiting = null;
            open(files);
        }
    }

    private void begin(State during, String words, Step step) {
        state = during;
        message = words;
        tell();
        background.start(step);
    }
}
