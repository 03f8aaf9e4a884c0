package org.pytorch.executorch;

/** Element types by PyTorch's numbers. */
public enum DType {
    UINT8(0),
    INT8(1),
    FLOAT(6);

    final int code;

    DType(int code) {
        this.code = code;
    }

    static DType of(int code) {
        for (DType type : values()) {
            if (type.code == code) {
                return type;
            }
        }
        throw new IllegalStateException("an output has the type " + code + ", which this double does not know");
    }
}
