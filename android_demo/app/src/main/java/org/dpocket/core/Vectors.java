package org.dpocket.core;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Golden vectors as {@code runtime_py/vectors.py} writes them: what computations were given and what they must give. */
public final class Vectors {
    private static final String FORMAT = "dpocket-vectors";
    private static final int VERSION = 1;

    /** One computation. */
    public static final class Case {
        public final String kind;
        public final String name;
        public final Fields settings;
        private final Map<String, Stored> arrays;

        Case(String kind, String name, Fields settings, Map<String, Stored> arrays) {
            this.kind = kind;
            this.name = name;
            this.settings = settings;
            this.arrays = arrays;
        }

        /** Names of its arrays, in the order of the file. */
        public List<String> names() {
            return new ArrayList<String>(arrays.keySet());
        }

        /** @throws DpException where there is none of that name */
        public Stored array(String name) throws DpException {
            Stored found = arrays.get(name);
            if (found == null) {
                throw new DpException("the golden case '" + this.name + "' has no array '" + name + "'; make the vectors anew");
            }
            return found;
        }
    }

    /** One array, rows first. */
    public static final class Stored {
        /** uint8, int8, uint16, int32, float32 or float64. */
        public final String dtype;
        /** Elements. */
        public final int count;
        private final int[] shape;
        private final ByteBuffer bytes;

        Stored(String dtype, int[] shape, int count, ByteBuffer bytes) {
            this.dtype = dtype;
            this.shape = shape;
            this.count = count;
            this.bytes = bytes;
        }

        /** Length along an axis, counted from the end for negative ones. */
        public int side(int axis) {
            return shape[axis < 0 ? shape.length + axis : axis];
        }

        /** A direct little-endian copy, from index 0 on. */
        public ByteBuffer direct() {
            ByteBuffer source = bytes.duplicate();
            ByteBuffer copy = ByteBuffer.allocateDirect(source.remaining()).order(ByteOrder.LITTLE_ENDIAN);
            copy.put(source);
            copy.rewind();
            return copy;
        }

        public byte[] bytes() {
            byte[] copy = new byte[bytes.remaining()];
            bytes.duplicate().get(copy);
            return copy;
        }

        public float[] floats() throws DpException {
            float[] copy = new float[expect("float32")];
            ordered().asFloatBuffer().get(copy);
            return copy;
        }

        public double[] doubles() throws DpException {
            double[] copy = new double[expect("float64")];
            ordered().asDoubleBuffer().get(copy);
            return copy;
        }

        /** Unsigned values of 16 bits. */
        public char[] chars() throws DpException {
            char[] copy = new char[expect("uint16")];
            ordered().asCharBuffer().get(copy);
            return copy;
        }

        public int[] ints() throws DpException {
            int[] copy = new int[expect("int32")];
            ordered().asIntBuffer().get(copy);
            return copy;
        }

        private int expect(String wanted) throws DpException {
            if (!dtype.equals(wanted)) {
                throw new DpException("a golden array is " + dtype + " where " + wanted + " was expected; make the vectors anew");
            }
            return count;
        }

        private ByteBuffer ordered() {
            return bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        }
    }

    private Vectors() {}

    /**
     * The cases of a .json and its .bin.
     *
     * @throws DpException when they are no such files or do not belong together
     */
    public static List<Case> read(String json, byte[] data) throws DpException {
        Fields head = Json.fields(json, "the file of golden vectors");
        if (!head.text("format").equals(FORMAT) || head.integer("version") != VERSION) {
            throw new DpException("this is no file of golden vectors of version " + VERSION + "; make it anew");
        }
        if (head.integer("bytes") != data.length || !head.text("sha256").equals(Sha256.of(data))) {
            throw new DpException("the golden vectors' data are not those that their description was made for; make both anew");
        }
        List<Case> cases = new ArrayList<Case>();
        for (Fields item : head.objects("cases")) {
            Fields places = item.object("arrays");
            Map<String, Stored> arrays = new LinkedHashMap<String, Stored>();
            for (Object name : places.names()) {
                arrays.put((String) name, stored(places.object((String) name), data));
            }
            cases.add(new Case(item.text("kind"), item.text("name"), item.object("settings"), arrays));
        }
        return Collections.unmodifiableList(cases);
    }

    private static Stored stored(Fields place, byte[] data) throws DpException {
        String dtype = place.text("dtype");
        int[] shape = place.integers("shape");
        int size = size(dtype);
        int offset = place.integer("offset");
        long bytes = size;
        for (int side : shape) {
            bytes = side < 0 ? Long.MAX_VALUE : Math.min(bytes, Integer.MAX_VALUE) * side;
        }
        if (offset < 0 || bytes > data.length - offset) {
            throw new DpException("a golden array of " + bytes + " bytes at " + offset + " does not fit its file; make it anew");
        }
        ByteBuffer slice = ByteBuffer.wrap(data, offset, (int) bytes).slice();
        return new Stored(dtype, shape, (int) bytes / size, slice);
    }

    private static int size(String dtype) throws DpException {
        String[] dtypes = {"uint8", "int8", "uint16", "int32", "float32", "float64"};
        int[] sizes = {1, 1, 2, 4, 4, 8};
        for (int i = 0; i < sizes.length; i++) {
            if (dtypes[i].equals(dtype)) {
                return sizes[i];
            }
        }
        throw new DpException("a golden array is " + dtype + ", which is not known here; update the app");
    }
}
