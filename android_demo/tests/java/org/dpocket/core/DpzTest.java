package org.dpocket.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.dpocket.engine.Engine;
import org.junit.Test;

public final class DpzTest {
    private static final Charset UTF_8 = Charset.forName("UTF-8");
    private static final String HASH = "ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12";

    private static Dpz.View view(int first, int bytes) throws DpException {
        char[] counts = new char[20 * 30];
        for (int i = 0; i < counts.length; i++) {
            counts[i] = (char) ((first + 7919 * i) & (bytes == 1 ? 0xFF : 0xFFFF));
        }
        return new Dpz.View(counts, 20, 30, bytes);
    }

    private static Dpz.Sensor sensor(double gamma, double aspect) throws DpException {
        return new Dpz.Sensor(64, 1023, 10, "horizontal", gamma, aspect, 90, "Make", "Model\n\u00fc");
    }

    private static DeviceRun run() throws DpException {
        byte[] values = new byte[2 * 3 * 4];
        for (int i = 0; i < values.length; i++) {
            values[i] = (byte) (i * 11 - 128);
        }
        Map<String, DeviceRun.Output> outputs = new LinkedHashMap<String, DeviceRun.Output>();
        outputs.put("disparity", new DeviceRun.Output("int8", 2, 3, 4, 0.1, -2, values));
        outputs.put("confidence", new DeviceRun.Output("float32", 2, 1, 3, Double.NaN, 0, values));
        return new DeviceRun("m.tflite", HASH, "toy", "1", "litert", "2.3", "xnnpack", "cpu", HASH, outputs,
            Collections.singletonMap("run", 1.5));
    }

    private static byte[] written(Dpz dpz) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        dpz.write(out);
        return out.toByteArray();
    }

    private static byte[] whole() throws Exception {
        return written(new Dpz("a capture", sensor(1, 2), view(3, 2), view(4, 2), new byte[] {-1, -40, -1}, run()));
    }

    private static void refused(byte[] data, String sentence) {
        try {
            Dpz.read(data, "x.dpz");
            fail("nothing was refused where '" + sentence + "' was expected");
        } catch (DpException e) {
            assertTrue(e.getMessage(), e.getMessage().contains(sentence) && e.getMessage().startsWith("x.dpz"));
        }
    }

    private static byte[] zip(Object... namesAndContents) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ZipOutputStream zip = new ZipOutputStream(out);
        for (int i = 0; i < namesAndContents.length; i += 2) {
            zip.putNextEntry(new ZipEntry((String) namesAndContents[i]));
            Object content = namesAndContents[i + 1];
            zip.write(content instanceof byte[] ? (byte[]) content : ((String) content).getBytes(UTF_8));
        }
        zip.close();
        return out.toByteArray();
    }

    private static byte[] withHeader(String from, String to) throws Exception {
        Map<String, byte[]> members = BoundedZip.read(whole(), "x.dpz");
        String header = new String(members.get("dpz.json"), UTF_8);
        assertTrue(from, header.contains(from));
        members.put("dpz.json", header.replace(from, to).getBytes(UTF_8));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        BoundedZip.write(out, members);
        return out.toByteArray();
    }

    @Test
    public void aPackageComesBackAsItWas() throws Exception {
        Dpz read = Dpz.read(new ByteArrayInputStream(whole()), "x.dpz");
        assertEquals("a capture", read.name);
        assertArrayEquals(view(3, 2).counts, read.left.counts);
        assertArrayEquals(view(4, 2).counts, read.right.counts);
        assertArrayEquals(new byte[] {-1, -40, -1}, read.rgb);
        assertEquals(90, read.sensor.orientation);
        assertEquals("a control character cannot be read back", "Model?\u00fc", read.sensor.model);
        DeviceRun.Output disparity = read.run.outputs.get("disparity");
        assertArrayEquals(run().outputs.get("disparity").values, disparity.values);
        assertEquals(0.1, disparity.scale, 0);
        assertTrue(Double.isNaN(read.run.outputs.get("confidence").scale));
        assertEquals(1.5, read.run.timingsMs.get("run"), 0);
    }

    @Test
    public void eightBitViewsWithoutARunComeBackToo() throws Exception {
        Dpz read = Dpz.read(written(new Dpz("b", sensor(1, 1), view(3, 1), view(4, 1), null, null)), "x.dpz");
        assertEquals(1, read.left.bytes);
        assertArrayEquals(view(4, 1).counts, read.right.counts);
        assertNull(read.run);
    }

    @Test
    public void linearLightIsCountsOverTheRangeWithRowsRepeated() throws Exception {
        char[] counts = {64, 1023, 0, 1024};
        Dpz dpz = new Dpz("c", sensor(2, 2), new Dpz.View(counts, 2, 2, 2), new Dpz.View(counts, 2, 2, 2), null, null);
        Plane light = dpz.linear(dpz.left);
        assertEquals(4, light.height);
        assertArrayEquals(new float[] {0, 1, 0, 1, 0, 1.0020868f, 0, 1.0020868f}, light.values, 1e-6f);
    }

    @Test
    public void aPictureWithoutLightIsStoredSoThatItIsNoBomb() throws Exception {
        char[] black = new char[1500 * 1500];
        Dpz.View view = new Dpz.View(black, 1500, 1500, 2);
        byte[] data = written(new Dpz("d", sensor(1, 1), view, view, null, null));
        assertEquals(1500, Dpz.read(data, "x.dpz").left.width);
    }

    @Test
    public void everyDamageHasASentence() throws Exception {
        refused(new byte[0], "is empty");
        refused("P5 1 1 255 x".getBytes(UTF_8), "is not a zip archive");
        refused(Arrays.copyOf(whole(), whole().length / 2), "cut short");
        refused(zip("a.txt", "x"), "without dpz.json");
        refused(zip("../dpz.json", "x"), "not safe");
        refused(zip("/dpz.json", "x"), "not safe");
        refused(zip("a/", ""), "not safe");
        refused(zip("dpz.json", "{}", "big.bin", new byte[1 << 20]), "grew more than 200 times");
        refused(zip("dpz.json", "{\"format\": \"dpz\""), "JSON");
        refused(zip("dpz.json", "[]"), "object");
        refused(withHeader("\"version\": 1", "\"version\": 2"), "has version 2; this app reads version 1");
        refused(withHeader("\"black\": 64.0", "\"black\": \"64\""), "'black'");
        refused(withHeader("\"black\": 64.0", "\"black\": 2000"), "white level 1023.0 is not above black level 2000.0");
        refused(withHeader("\"member\": \"left.pgm\"", "\"member\": \"../left.pgm\""), "no member '../left.pgm'");
        refused(withHeader("\"member\": \"left.pgm\"", "\"member\": \"rgb.jpg\""), "PGM");
        refused(withHeader("\"dtype\": \"int8\"", "\"dtype\": \"int64\""), "an output is int64");
        refused(withHeader("\"scale\": 0.1", "\"scale\": -0.1"), "scale of -0.1");
        refused(withHeader(HASH, "x"), "SHA-256");
    }

    @Test
    public void aMemberThatWasChangedIsNamed() throws Exception {
        Map<String, byte[]> members = BoundedZip.read(whole(), "x.dpz");
        members.get("outputs/disparity.bin")[5] ^= 1;
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        BoundedZip.write(out, members);
        refused(out.toByteArray(), "'outputs/disparity.bin' is not what was written");
        members.put("extra.bin", new byte[1]);
        out.reset();
        BoundedZip.write(out, members);
        refused(out.toByteArray(), "'extra.bin' that dpz.json does not know");
    }

    @Test
    public void moreThanThirtyTwoMembersAreNotRead() throws Exception {
        Object[] many = new Object[66];
        for (int i = 0; i < 33; i++) {
            many[2 * i] = "m" + i;
            many[2 * i + 1] = "";
        }
        refused(zip(many), "more than 32 members");
    }

    @Test
    public void sha256IsThatOfTheStandard() {
        // FIPS 180-2, appendix B.1.
        assertEquals("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", Sha256.of("abc".getBytes(UTF_8)));
    }

    @Test
    public void jsonThatIsWrittenIsReadAsTheSame() throws Exception {
        Map<String, Object> value = new LinkedHashMap<String, Object>();
        value.put("q\"uote\\ \u00e9\u0001", Arrays.<Object>asList(1.5, true, null, "x"));
        value.put("empty", Arrays.<Object>asList(new LinkedHashMap<String, Object>(), Collections.emptyList(), 4.9e-324));
        assertEquals(value, Json.parse(JsonText.of(value)));
    }

    /** Negates every input. */
    private static final class Negating implements Engine {
        @Override
        public String runtime() {
            return "none";
        }

        @Override
        public void run(Map<String, ByteBuffer> inputs, Map<String, ByteBuffer> outputs) {
            ByteBuffer out = outputs.get("disparity");
            for (int i = 0; i < out.capacity(); i++) {
                out.put(i, (byte) -inputs.get("left").get(i));
            }
        }

        @Override
        public void close() {}
    }

    @Test
    public void aRecorderKeepsEveryTileAndHashesItsInputs() throws Exception {
        String tensor = "\"shape\": [1, 1, 2, 1], \"layout\": \"NHWC\", \"dtype\": \"int8\", \"unit\": \"px\","
            + " \"valid_range\": [-1, 1], \"scale\": 0.5, \"zero_point\": 3";
        Contract contract = Contract.parse("{\"version\": 1, \"student\": \"s\", \"working_width\": 2, \"output_stride\": 1,"
            + " \"inputs\": [{\"name\": \"left\", " + tensor + "}, {\"name\": \"right\", " + tensor + "}],"
            + " \"outputs\": [{\"name\": \"disparity\", " + tensor + "}],"
            + " \"preprocess\": {\"box\": 1, \"floor\": 1, \"gain\": 1, \"limit\": 1}}");
        RunRecorder recorder = new RunRecorder(new Negating(), contract);
        for (int tile = 0; tile < 2; tile++) {
            Map<String, ByteBuffer> inputs = new LinkedHashMap<String, ByteBuffer>();
            inputs.put("right", ByteBuffer.wrap(new byte[] {3, 4}));
            inputs.put("left", ByteBuffer.wrap(new byte[] {1, 2}));
            recorder.run(inputs, Collections.singletonMap("disparity", contract.output("disparity").buffer()));
        }
        DeviceRun run = recorder.recorded("m", HASH, "1", "r", "2", "", "cpu", Collections.singletonMap("preprocess", 4.0));
        assertEquals(Sha256.of(new byte[] {1, 2, 3, 4, 1, 2, 3, 4}), run.inputsSha256);
        assertArrayEquals(new byte[] {-1, -2, -1, -2}, run.outputs.get("disparity").values);
        assertEquals(3, run.outputs.get("disparity").zeroPoint);
        assertTrue(run.timingsMs.get("run") >= 0 && run.timingsMs.get("preprocess") == 4.0);
    }
}
