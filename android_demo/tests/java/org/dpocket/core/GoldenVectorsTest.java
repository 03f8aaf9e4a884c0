package org.dpocket.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;

import java.nio.ByteBuffer;
import java.util.Map;
import org.dpocket.engine.Engine;
import org.junit.Test;

/** Every computation between a capture and a picture gives the bits that runtime_py gives. */
public class GoldenVectorsTest {
    private static final String SPEC = "{\"name\": \"x\", \"layout\": \"NHWC\", \"dtype\": \"int8\", \"unit\": \"1\", \"shape\": [1, 1, %d, 1],"
        + " \"valid_range\": [-3, 3], \"scale\": %s, \"zero_point\": %d}";

    @Test
    public void countsBecomeLinearLight() throws Exception {
        for (Vectors.Case golden : Golden.cases("counts")) {
            Vectors.Stored counts = golden.array("counts");
            Plane linear = Radiometry.linear(counts.chars(), counts.side(0), counts.side(1), golden.settings.number("black"),
                golden.settings.number("white"));
            Golden.assertSameBits(golden.name, Golden.plane(golden, "linear"),
                Radiometry.squarePixels(linear, golden.settings.integer("aspect")));
        }
    }

    @Test
    public void filesOfTheCaptureAppAreRead() throws Exception {
        for (Vectors.Case golden : Golden.cases("pgm")) {
            PgmReader.Pgm pgm = PgmReader.read(golden.array("file").bytes(), golden.name);
            assertArrayEquals(golden.name, golden.array("pixels").chars(), pgm.samples);
            assertEquals(golden.array("pixels").side(0), pgm.height);
            assertEquals(golden.array("pixels").side(1), pgm.width);
            assertEquals(golden.settings.integer("maxval"), pgm.maxval);
        }
    }

    @Test
    public void logarithmsHaveTheSameBitsOverTheWholeRange() throws Exception {
        for (Vectors.Case golden : Golden.cases("log")) {
            double[] x = golden.array("x").doubles();
            double[] expected = golden.array("log").doubles();
            for (int i = 0; i < x.length; i++) {
                assertEquals("ln " + x[i], Double.doubleToRawLongBits(expected[i]), Double.doubleToRawLongBits(Exact.log(x[i])));
            }
        }
    }

    @Test
    public void meansHaveTheSameBitsBeforeTheyAreRounded() throws Exception {
        for (Vectors.Case golden : Golden.cases("means")) {
            Plane view = Golden.plane(golden, "view");
            double[] plane = new double[view.values.length];
            for (int i = 0; i < plane.length; i++) {
                plane[i] = view.values[i];
            }
            double[] box = Exact.boxMean(plane, view.height, view.width, golden.settings.integer("side"));
            assertArrayEquals(golden.name, golden.array("box").doubles(), box, 0);
            assertEquals(golden.name, golden.array("mean").doubles()[0], Exact.mean(view.values, view.width), 0);
        }
    }

    @Test
    public void viewsAreResized() throws Exception {
        for (Vectors.Case golden : Golden.cases("resize")) {
            Golden.assertSameBits(golden.name, Golden.plane(golden, "resized"),
                Resize.toWidth(Golden.plane(golden, "view"), golden.settings.integer("width")));
        }
    }

    @Test
    public void viewsArePreprocessed() throws Exception {
        for (Vectors.Case golden : Golden.cases("preprocess")) {
            Golden.assertSameBits(golden.name, Golden.plane(golden, "signal"),
                Preprocess.signal(Golden.plane(golden, "view"), new Contract.Preprocessing(golden.settings)));
        }
    }

    @Test
    public void realValuesAreQuantisedAndBack() throws Exception {
        for (Vectors.Case golden : Golden.cases("quantize")) {
            float[] real = golden.array("real").floats();
            TensorSpec spec = spec(golden, real.length);
            ByteBuffer stored = spec.buffer();
            Quantizer.quantize(real, spec, stored);
            byte[] codes = new byte[real.length];
            stored.get(codes);
            assertArrayEquals(golden.name, golden.array("stored").bytes(), codes);
            Golden.assertSameBits(golden.name, golden.array("decoded").floats(),
                Quantizer.dequantize(golden.array("codes").direct(), spec(golden, golden.array("codes").count)));
        }
    }

    private static TensorSpec spec(Vectors.Case golden, int count) throws DpException {
        String json = String.format(SPEC, count, golden.settings.number("scale"), golden.settings.integer("zero_point"));
        return new TensorSpec(Json.fields(json, "a spec"));
    }

    @Test
    public void planesAreCutAndBlended() throws Exception {
        for (Vectors.Case golden : Golden.cases("tiling")) {
            Vectors.Stored plane = golden.array("plane");
            int stride = golden.settings.integer("stride");
            Tiling tiling = tiling(golden, plane.side(0), plane.side(1), stride);
            int[] origins = golden.array("origins").ints();
            assertEquals(golden.name, origins.length / 2, tiling.count());
            float[] tiles = widened(golden.array("tiles").bytes());
            float[] outputs = golden.array("outputs").floats();
            float[][] perTile = new float[tiling.count()][outputs.length / tiling.count()];
            for (int i = 0; i < tiling.count(); i++) {
                assertEquals(golden.name, origins[2 * i], tiling.top(i));
                assertEquals(golden.name, origins[2 * i + 1], tiling.left(i));
                float[] tile = new float[tiles.length / tiling.count()];
                System.arraycopy(tiles, i * tile.length, tile, 0, tile.length);
                Golden.assertSameBits(golden.name, tile, tiling.cut(widened(plane.bytes()), i));
                System.arraycopy(outputs, i * perTile[i].length, perTile[i], 0, perTile[i].length);
            }
            Plane blend = tiling.blend(perTile);
            Golden.assertSameBits(golden.name, Golden.plane(golden, "blend"), blend);
            Plane resampled = Golden.plane(golden, "resampled");
            Golden.assertSameBits(golden.name, resampled,
                Resize.resampled(blend, plane.side(0), plane.side(1), stride, resampled.height, resampled.width));
        }
    }

    private static Tiling tiling(Vectors.Case golden, int height, int width, int stride) throws DpException {
        int[] tile = golden.settings.integers("tile");
        if (!golden.settings.has("overlap")) {
            return new Tiling(height, width, tile[0], tile[1], stride);
        }
        int[] overlap = golden.settings.integers("overlap");
        return new Tiling(height, width, tile[0], tile[1], stride, overlap[0], overlap[1]);
    }

    private static float[] widened(byte[] bytes) {
        float[] values = new float[bytes.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = bytes[i];
        }
        return values;
    }

    @Test
    public void viewsBecomeTheNetworksIntegersAndItsIntegersMapsOfTheViews() throws Exception {
        for (Vectors.Case golden : Golden.cases("student")) {
            Contract contract = Contract.of(golden.settings.object("contract"));
            Replay engine = new Replay(golden);
            Student.Prediction found = new Student(engine, contract).predict(Golden.plane(golden, "left"),
                Golden.plane(golden, "right"), null);
            assertEquals(golden.name, golden.array("output.disparity").side(0), engine.asked);
            Golden.assertSameBits(golden.name, Golden.plane(golden, "disparity"), found.disparity);
            Golden.assertSameBits(golden.name, Golden.plane(golden, "confidence"), found.confidence);
        }
    }

    /** Compares what it is given with the golden inputs, tile by tile, and gives the golden outputs. */
    private static final class Replay implements Engine {
        private final Vectors.Case golden;
        int asked;

        Replay(Vectors.Case golden) {
            this.golden = golden;
        }

        @Override
        public String runtime() {
            return "golden vectors";
        }

        @Override
        public void run(Map<String, ByteBuffer> inputs, Map<String, ByteBuffer> outputs) throws DpException {
            for (String name : inputs.keySet()) {
                byte[] given = new byte[inputs.get(name).capacity()];
                inputs.get(name).duplicate().get(given);
                assertArrayEquals(golden.name + ", " + name + " of tile " + asked, slice("input." + name), given);
            }
            for (String name : outputs.keySet()) {
                outputs.get(name).duplicate().put(slice("output." + name));
            }
            asked++;
        }

        private byte[] slice(String name) throws DpException {
            Vectors.Stored stored = golden.array(name);
            int size = stored.count / stored.side(0);
            byte[] slice = new byte[size];
            System.arraycopy(stored.bytes(), asked * size, slice, 0, size);
            return slice;
        }

        @Override
        public void close() {}
    }

    @Test
    public void valuesHaveTheColoursOfThePicturesOfTheDesktop() throws Exception {
        for (Vectors.Case golden : Golden.cases("colours")) {
            float[] values = golden.array("values").floats();
            byte[] rgb = golden.array("rgb").bytes();
            double high = golden.settings.number("high");
            for (int i = 0; i < values.length; i++) {
                int expected = 0xFF000000 | (rgb[3 * i] & 0xFF) << 16 | (rgb[3 * i + 1] & 0xFF) << 8 | rgb[3 * i + 2] & 0xFF;
                int found = golden.settings.number("low") < 0 ? ColorMap.signed(values[i], high) : ColorMap.unsigned(values[i]);
                assertEquals(golden.name + " of " + values[i], expected, found);
            }
        }
    }

    @Test
    public void aScaleReachesToTheSamePercentile() throws Exception {
        for (Vectors.Case golden : Golden.cases("reach")) {
            float[] map = golden.array("values").floats();
            assertEquals(golden.settings.number("reach"), DisparityView.reach(map), 1e-6);
        }
    }
}
