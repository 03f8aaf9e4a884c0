package org.dpocket.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotSame;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Executor;
import org.junit.Test;

public class SessionTest {
    private static final int WIDTH = 40;
    private static final int HEIGHT = 30;

    /** Tasks wait until the test lets them run. */
    private static final class Queue implements Executor {
        private final ArrayDeque<Runnable> waiting = new ArrayDeque<Runnable>();

        @Override
        public void execute(Runnable task) {
            waiting.add(task);
        }
    }

    private static final class FakeDevice implements Device {
        Throwable openFails;
        Throwable loadFails;
        boolean agrees = true;
        boolean hasConfidence = true;
        String noCapture = "This phone hands out no dual pixels.";
        int opens;
        int runs;

        @Override
        public List<String> runtimes() {
            return Arrays.asList("LiteRT", "ExecuTorch");
        }

        @Override
        public Opened open(String runtime) {
            opens++;
            fail(openFails);
            String words = agrees ? "the golden pair came out bit for bit" : "7 of 12288 integers differ";
            return new Opened(runtime + " 2.1, XNNPACK", agrees, words, 768, 0.5f);
        }

        @Override
        public Views load(List<Source> files) {
            fail(loadFails);
            float[] light = new float[WIDTH * HEIGHT];
            Arrays.fill(light, 0.4f);
            return new Views("garden", new Plane(light, HEIGHT, WIDTH), new Plane(light, HEIGHT, WIDTH), 0, null);
        }

        @Override
        public Found run(Views views, Timing timing) {
            runs++;
            timing.mark("network");
            float[] disparity = new float[WIDTH * HEIGHT];
            for (int i = 0; i < disparity.length; i++) {
                disparity[i] = i % WIDTH < WIDTH / 2 ? 2 : -1;
            }
            float[] sure = new float[disparity.length];
            Arrays.fill(sure, 0.75f);
            return new Found(new Plane(disparity, HEIGHT, WIDTH), hasConfidence ? new Plane(sure, HEIGHT, WIDTH) : null,
                null);
        }

        @Override
        public void export(Views views, Found found, OutputStream out) throws IOException {
            out.write(42);
        }

        @Override
        public String whyNoCapture() {
            return noCapture;
        }

        @Override
        public Views capture() {
            return load(null);
        }

        private static void fail(Throwable thrown) {
            if (thrown instanceof Error) {
                throw (Error) thrown;
            }
            if (thrown != null) {
                throw (RuntimeException) thrown;
            }
        }
    }

    private final Queue work = new Queue();
    private final Queue ui = new Queue();
    private final FakeDevice device = new FakeDevice();
    private final Session session = new Session(device, work, ui);

    private void settle() {
        while (!work.waiting.isEmpty() || !ui.waiting.isEmpty()) {
            (work.waiting.isEmpty() ? ui : work).waiting.remove().run();
        }
    }

    private static List<Device.Source> file(final String name) {
        return Collections.<Device.Source>singletonList(new Device.Source() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public InputStream open() {
                throw new UnsupportedOperationException();
            }
        });
    }

    private void show() {
        session.start();
        settle();
        session.open(file("a.dpz"));
        settle();
        assertEquals(Session.State.SHOWN, session.state());
    }

    @Test
    public void startRunsTheGoldenPairAndThenWaits() {
        assertEquals(Session.State.IDLE, session.state());
        session.start();
        assertEquals(Session.State.LOADING, session.state());
        assertFalse(session.allows(Session.Action.OPEN));
        settle();
        assertEquals(Session.State.IDLE, session.state());
        assertTrue(session.allows(Session.Action.OPEN));
        assertFalse(session.allows(Session.Action.EXPORT));
        assertEquals("", session.message());
        assertEquals("Runtime: LiteRT 2.1, XNNPACK\nSelf-test: the golden pair came out bit for bit", session.report());
    }

    @Test
    public void aDeviceThatDisagreesIsNamedAtStartAndOverEveryResult() {
        device.agrees = false;
        session.start();
        settle();
        assertTrue(session.message(), session.message().contains("do not trust"));
        session.open(file("a.dpz"));
        settle();
        assertTrue(session.message(), session.message().contains("do not trust"));
        assertTrue(session.report().contains("SELF-TEST FAILED: 7 of 12288 integers differ"));
    }

    @Test
    public void aCaptureIsLoadedRunAndShown() {
        session.start();
        settle();
        session.open(file("a.dpz"));
        assertEquals(Session.State.LOADING, session.state());
        assertEquals("Reading a.dpz \u2026", session.message());
        work.waiting.remove().run();
        ui.waiting.remove().run();
        assertEquals(Session.State.RUNNING, session.state());
        assertFalse(session.allows(Session.Action.EXPORT));
        settle();
        assertEquals(Session.State.SHOWN, session.state());
        assertTrue(session.allows(Session.Action.EXPORT));
        assertTrue(session.report().contains("Time: network"));
        assertTrue(session.report().contains("garden, 40\u00D730"));
    }

    @Test
    public void aFailedFileIsToldInItsOwnWordsAndAnotherMayBePicked() {
        session.start();
        settle();
        device.loadFails = new OutOfMemoryError("Java heap space");
        session.open(file("a.dpz"));
        settle();
        assertEquals(Session.State.FAILED, session.state());
        assertTrue(session.message(), session.message().contains("not enough memory"));
        assertTrue(session.allows(Session.Action.OPEN));
        assertFalse(session.allows(Session.Action.MODE));
        device.loadFails = null;
        session.open(file("b.dpz"));
        settle();
        assertEquals(Session.State.SHOWN, session.state());
    }

    @Test
    public void aMissingLibraryIsToldAndTheOtherRuntimeMayBeChosen() {
        device.openFails = new UnsatisfiedLinkError("dlopen failed: library \"libLiteRt.so\" not found");
        session.start();
        settle();
        assertEquals(Session.State.FAILED, session.state());
        assertTrue(session.message(), session.message().contains("libLiteRt.so"));
        assertEquals("Runtime: LiteRT, not open", session.report());
        device.openFails = null;
        session.nextRuntime();
        settle();
        assertEquals(Session.State.IDLE, session.state());
        assertEquals("ExecuTorch", session.runtime());
    }

    @Test
    public void aRuntimeThatDidNotOpenIsTriedAgainWithTheNextCapture() {
        device.openFails = new UnsatisfiedLinkError("libLiteRt.so");
        session.start();
        settle();
        device.openFails = null;
        session.open(file("a.dpz"));
        settle();
        assertEquals(Session.State.SHOWN, session.state());
        assertEquals(2, device.opens);
    }

    @Test
    public void anotherRuntimeRunsTheShownCaptureAgain() {
        show();
        session.nextRuntime();
        settle();
        assertEquals(Session.State.SHOWN, session.state());
        assertEquals(2, device.runs);
        assertTrue(session.report().startsWith("Runtime: ExecuTorch"));
    }

    @Test
    public void aRuntimeThatDoesNotOpenLosesNoCapture() {
        show();
        device.openFails = new UnsatisfiedLinkError("libLiteRt.so");
        session.nextRuntime();
        settle();
        assertEquals(Session.State.FAILED, session.state());
        assertFalse(session.allows(Session.Action.EXPORT));
        device.openFails = null;
        session.nextRuntime();
        settle();
        assertEquals(Session.State.SHOWN, session.state());
        assertTrue(session.report(), session.report().contains("garden"));
    }

    @Test
    public void filesThatComeBackBeforeTheModelIsOpenAreOpenedThen() {
        session.start();
        session.open(file("a.dpz"));
        settle();
        assertEquals(Session.State.SHOWN, session.state());
        assertEquals(1, device.opens);
    }

    @Test
    public void anExportWithoutACaptureClosesItsFileAndSaysSo() {
        final boolean[] closed = new boolean[1];
        session.export(new ByteArrayOutputStream() {
            @Override
            public void close() {
                closed[0] = true;
            }
        }, "a.dpz");
        assertTrue(closed[0]);
        assertTrue(session.message(), session.message().contains("open it again"));
    }

    @Test
    public void nothingStartsWhileSomethingRuns() {
        session.start();
        session.open(file("a.dpz"));
        session.nextRuntime();
        assertEquals("one job only", 1, work.waiting.size());
    }

    @Test
    public void aPhoneWithoutLiveCaptureSaysWhy() {
        session.start();
        settle();
        session.capture();
        assertEquals(device.noCapture, session.message());
        assertEquals(Session.State.IDLE, session.state());
        device.noCapture = null;
        session.capture();
        settle();
        assertEquals(Session.State.SHOWN, session.state());
    }

    @Test
    public void exportWritesClosesAndSaysSo() {
        show();
        final boolean[] closed = new boolean[1];
        ByteArrayOutputStream out = new ByteArrayOutputStream() {
            @Override
            public void close() {
                closed[0] = true;
            }
        };
        session.export(out, "garden.dpz");
        assertFalse(session.allows(Session.Action.EXPORT));
        settle();
        assertEquals(42, out.toByteArray()[0]);
        assertTrue(closed[0]);
        assertTrue(session.message(), session.message().startsWith("garden.dpz is written"));
        assertEquals(Session.State.SHOWN, session.state());
    }

    @Test
    public void aFailedExportKeepsTheCapture() {
        show();
        session.export(new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                throw new IOException("No space left on device");
            }
        }, "garden.dpz");
        settle();
        assertTrue(session.message(), session.message().contains("No space left on device"));
        assertEquals(Session.State.SHOWN, session.state());
    }

    @Test
    public void aScreenThatComesBackAfterATurnIsToldAtOnce() {
        show();
        final int[] told = new int[1];
        session.attach(null);
        session.attach(new Session.Screen() {
            @Override
            public void changed(Session shown) {
                assertSame(session, shown);
                told[0]++;
            }
        });
        assertEquals(1, told[0]);
    }

    @Test
    public void aTapReadsTheMapThere() {
        show();
        Gallery gallery = session.gallery();
        gallery.tap(5, 10);
        settle();
        assertEquals(2, gallery.markedDisparity(), 0);
        gallery.tap(35, 10);
        settle();
        assertEquals(-1, gallery.markedDisparity(), 0);
    }

    @Test
    public void tiltCountsInParallaxOnlyAndManyTiltsDrawOnce() {
        show();
        Gallery gallery = session.gallery();
        gallery.tilt(0.5f, 0);
        assertTrue("no picture is drawn for a tilt in another mode", work.waiting.isEmpty());
        gallery.choose(Gallery.Mode.PARALLAX);
        settle();
        Stage before = gallery.stage();
        for (int i = 1; i <= 50; i++) {
            gallery.tilt(i / 50f, 0);
        }
        assertEquals(1, work.waiting.size());
        work.waiting.remove().run();
        ui.waiting.remove().run();
        assertEquals("the newest wish, once", 1, work.waiting.size());
        settle();
        assertNotSame(before, gallery.stage());
    }

    @Test
    public void aStudentWithoutConfidenceHasNoSuchPicture() {
        device.hasConfidence = false;
        show();
        assertFalse(session.gallery().has(Gallery.Mode.CONFIDENCE));
        session.gallery().choose(Gallery.Mode.CONFIDENCE);
        assertEquals(Gallery.Mode.DISPARITY, session.gallery().mode());
    }

    @Test
    public void wordsAreNeverEmpty() {
        for (Throwable thrown : new Throwable[] {new RuntimeException(), new IOException(), new OutOfMemoryError(),
            new SecurityException("x"), new java.io.EOFException(), new java.io.FileNotFoundException("a.pgm")}) {
            assertTrue(Words.of(thrown).length() > 20);
            assertFalse(Words.of(thrown), Words.of(thrown).contains("null"));
        }
    }
}
