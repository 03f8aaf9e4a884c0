package org.dpocket.engine;

/** The element types that a contract may name, in the runtimes' numbers. */
final class ElementTypes {
    private ElementTypes() {}

    /** Of one element. */
    static int bytes(String dtype) {
        return dtype.equals("float32") ? 4 : 1;
    }

    /** As in litert_api.h. */
    static int liteRt(String dtype) {
        if (dtype.equals("float32")) {
            return 1;
        }
        return dtype.equals("uint8") ? 3 : 9;
    }
}
