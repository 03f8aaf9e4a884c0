package org.dpocket.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.dpocket.engine.Engine;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/** The whole way of a capture through the app, with an engine that always answers 3 (0.3 px at a working width of 48 px). */
public class WorkbenchTest {
    private static final int WIDTH = 96;
    private static final int HEIGHT = 64;
    private static final String CONTRACT = ContractTest.TEXT.replace(
        "\"float32\", \"shape\": [1, 1, 4, 6]", "\"int8\", \"shape\": [1, 1, 4, 6]").replace(
        "\"scale\": null, \"zero_point\": null", "\"scale\": 0.1, \"zero_point\": 0");

    private static final class Threes implements Engine {
        int closed;

        @Override
        public String runtime() {
            return "Threes 1.4.2, by hand";
        }

        @Override
        public void run(Map<String, ByteBuffer> inputs, Map<String, ByteBuffer> outputs) {
            for (int i = 0; i < outputs.get("disparity").capacity(); i++) {
                outputs.get("disparity").put(i, (byte) 3);
            }
        }

        @Override
        public void close() {
            closed++;
        }
    }

    @Rule
    public final TemporaryFolder folder = new TemporaryFolder();
    private final Threes engine = new Threes();
    private final Map<String, byte[]> assets = new HashMap<String, byte[]>();
    private byte expected = 3;

    private Workbench workbench() throws Exception {
        byte[] data = new byte[216];
        Arrays.fill(data, 192, 216, expected);
        String array = "\"%s\": {\"dtype\": \"int8\", \"shape\": [%d], \"offset\": %d}";
        String json = "{\"format\": \"dpocket-vectors\", \"version\": 1, \"bytes\": 216, \"sha256\": \"" + Sha256.of(data)
            + "\", \"cases\": [{\"kind\": \"pair\", \"name\": \"p\", \"settings\": {}, \"arrays\": {"
            + String.format(Locale.ROOT, array, "input.left", 96, 0) + ", "
            + String.format(Locale.ROOT, array, "input.right", 96, 96) + ", "
            + String.format(Locale.ROOT, array, "output.disparity", 24, 192) + "}}]}";
        assets.put("contract.json", CONTRACT.getBytes("UTF-8"));
        assets.put("pair.json", json.getBytes("UTF-8"));
        assets.put("pair.bin", data);
        assets.put("threes.model", new byte[] {4, 5, 6});
        String manifest = "{\"artifact\": \"threes.model\", \"bytes\": 3, \"sha256\": \"" + Sha256.of(new byte[] {4, 5, 6})
            + "\", \"contract\": " + CONTRACT + "}";
        assets.put("threes.model.json", manifest.getBytes("UTF-8"));
        Backend backend = new Backend("Threes", "threes", "threes.model", "xnnpack") {
            @Override
            public Engine open(File file, Contract contract) {
                assertEquals(3, file.length());
                return engine;
            }
        };
        return new Workbench(new Backend.Assets() {
            @Override
            public InputStream open(String name) throws IOException {
                if (!assets.containsKey(name)) {
                    throw new FileNotFoundException(name);
                }
                return new ByteArrayInputStream(assets.get(name));
            }
        }, folder.getRoot(), Arrays.asList(backend), null, "0.1.0");
    }

    private static Device.Source source(final String name, final byte[] content) {
        return new Device.Source() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public InputStream open() {
                return new ByteArrayInputStream(content);
            }
        };
    }

    /** An 8-bit PGM whose samples rise along rows. */
    private static byte[] pgm(int width, int height, int shift) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(("P5 " + width + " " + height + " 255\n").getBytes("US-ASCII"));
        for (int i = 0; i < width * height; i++) {
            out.write(20 + (i % width + shift) % 200);
        }
        return out.toByteArray();
    }

    private static List<Device.Source> pair(String first, String second) throws IOException {
        return Arrays.asList(source(first, pgm(WIDTH, HEIGHT, 0)), source(second, pgm(WIDTH, HEIGHT, 1)));
    }

    private static void refused(Workbench bench, List<Device.Source> files, String reason) throws Exception {
        try {
            bench.load(files);
        } catch (DpException e) {
            assertTrue(e.getMessage(), e.getMessage().contains(reason));
            return;
        }
        fail(reason);
    }

    @Test
    public void aPickedPairBecomesDisparityInItsOwnPixels() throws Exception {
        Workbench bench = workbench();
        Device.Opened opened = bench.open("Threes");
        assertTrue(opened.agrees);
        assertEquals(48, opened.workingWidth);
        Device.Views views = bench.load(pair("garden_left.pgm", "garden_right.pgm"));
        assertEquals("garden", views.name);
        assertEquals("8 bit are of gamma 2.2", Math.pow(20 / 255.0, 2.2), views.left.values[0], 1e-6);
        assertEquals("the right view begins one further", Math.pow(21 / 255.0, 2.2), views.right.values[0], 1e-6);
        Timing timing = new Timing();
        Device.Found found = bench.run(views, timing);
        assertEquals(WIDTH, found.disparity.width);
        assertEquals(HEIGHT, found.disparity.height);
        for (float value : found.disparity.values) {
            assertEquals("0.3 px of 48 are 0.6 px of 96", 0.6f, value, 1e-5f);
        }
        assertNull(found.confidence);
        assertTrue(timing.stages().contains("network"));
    }

    @Test
    public void viewsAreToldApartByTheirNamesNotByTheOrderOfPicking() throws Exception {
        Workbench bench = workbench();
        float first = bench.load(pair("a_left.pgm", "a_right.pgm")).left.values[0];
        Device.Views views = bench.load(pair("leftover_right.pgm", "leftover_left.pgm"));
        assertEquals("the second one is the left view", Math.pow(21 / 255.0, 2.2), views.left.values[0], 1e-6);
        assertEquals(Math.pow(20 / 255.0, 2.2), first, 1e-6);
    }

    @Test
    public void filesThatAreNoCaptureAreRefusedInWords() throws Exception {
        Workbench bench = workbench();
        refused(bench, pair("a.pgm", "b.pgm"), "call them ..._left.pgm and ..._right.pgm");
        refused(bench, pair("a_left.pgm", "b_left.pgm"), "do not say which view is which");
        refused(bench, Arrays.asList(source("a_left.pgm", pgm(8, 8, 0))), "a_left.pgm is no capture package");
        refused(bench, Arrays.asList(source("a_left.pgm", pgm(8, 8, 0)), source("a_right.pgm", pgm(8, 9, 0))), "one capture");
        refused(bench, Arrays.asList(source("a", new byte[1]), source("b", new byte[1]), source("c", new byte[1])), "3 files");
        refused(bench, Arrays.asList(source("a.dpz", new byte[] {'P', 'K', 3, 4})), "a.dpz");
        refused(bench, Arrays.asList(source("a_left.pgm", new byte[0]), source("a_right.pgm", new byte[0])), "empty");
    }

    @Test
    public void anExportHoldsTheViewsTheOutputsAndTheModelsHash() throws Exception {
        Workbench bench = workbench();
        bench.open("Threes");
        Device.Views views = bench.load(pair("garden_left.pgm", "garden_right.pgm"));
        Device.Found found = bench.run(views, new Timing());
        for (int again = 0; again < 2; again++) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            bench.export(views, found, out);
            Dpz read = Dpz.read(out.toByteArray(), "export.dpz");
            assertEquals("garden", read.name);
            assertArrayEquals(((Dpz) views.origin).left.counts, read.left.counts);
            assertEquals(Sha256.of(new byte[] {4, 5, 6}), read.run.modelSha256);
            assertEquals("threes.model", read.run.model);
            assertEquals("1.4.2", read.run.runtimeVersion);
            assertEquals("Threes 1.4.2, by hand", read.run.delegate);
            byte[] threes = new byte[read.run.outputs.get("disparity").values.length];
            Arrays.fill(threes, (byte) 3);
            assertArrayEquals(threes, read.run.outputs.get("disparity").values);
            assertTrue(read.run.timingsMs.containsKey("preprocess"));
            Device.Views replayed = bench.load(Arrays.asList(source("export.dpz", out.toByteArray())));
            assertArrayEquals(views.left.values, replayed.left.values, 0);
        }
    }

    @Test
    public void aVerticalAxisIsLaidDownAndShownUprightAgain() throws Exception {
        char[] counts = new char[20 * 30];
        for (int i = 0; i < counts.length; i++) {
            counts[i] = (char) (i / 20 * 10);
        }
        Dpz.Sensor sensor = new Dpz.Sensor(0, 1000, 10, "vertical", 1, 1, 0, "", "");
        Dpz.View view = new Dpz.View(counts, 30, 20, 2);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        new Dpz("v", sensor, view, view, null, null).write(out);
        Device.Views views = workbench().load(Arrays.asList(source("v.dpz", out.toByteArray())));
        assertEquals(30, views.left.width);
        assertEquals(20, views.left.height);
        for (int x = 0; x < 30; x++) {
            assertEquals("row y is column y", x * 0.01f, views.left.values[7 * 30 + x], 1e-6f);
        }
        Plane upright = Turn.clockwise(views.left, views.turns);
        assertArrayEquals(((Dpz) views.origin).linear(view).values, upright.values, 0);
    }

    @Test
    public void aDeviceThatComputesSomethingElseIsSaidToDisagree() throws Exception {
        expected = 4;
        Device.Opened opened = workbench().open("Threes");
        assertTrue(!opened.agrees);
        assertTrue(opened.selfTest, opened.selfTest.contains("24 of 24 integers differ"));
    }

    @Test
    public void aBuildWithoutItsAssetsIsToldInWordsAndFreesTheRuntime() throws Exception {
        Workbench bench = workbench();
        assets.remove("pair.bin");
        try {
            bench.open("Threes");
            fail("opened");
        } catch (DpException e) {
            assertTrue(e.getMessage(), e.getMessage().contains("no pair.bin"));
        }
        assertEquals(1, engine.closed);
    }

    @Test
    public void aDamagedModelIsRefusedBeforeAnyRuntimeSeesIt() throws Exception {
        Workbench bench = workbench();
        for (byte[] damaged : new byte[][] {{4, 5, 7}, {4, 5}, {}}) {
            assets.put("threes.model", damaged);
            try {
                bench.open("Threes");
                fail("opened");
            } catch (DpException e) {
                assertTrue(e.getMessage(), e.getMessage().contains("threes.model is not the file that its manifest describes"));
            }
        }
        assertEquals("the runtime was not opened", 0, folder.getRoot().list().length);
    }

    @Test
    public void openingAgainFreesWhatWasOpen() throws Exception {
        Workbench bench = workbench();
        bench.open("Threes");
        bench.open("Threes");
        assertEquals(1, engine.closed);
        bench.close();
        bench.close();
        assertEquals(2, engine.closed);
    }
}
