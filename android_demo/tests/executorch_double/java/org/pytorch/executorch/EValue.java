package org.pytorch.executorch;

/** What a method takes and gives; this double knows tensors only. */
public class EValue {
    private final Tensor tensor;

    private EValue(Tensor tensor) {
        this.tensor = tensor;
    }

    public static EValue from(Tensor tensor) {
        return new EValue(tensor);
    }

    public boolean isTensor() {
        return true;
    }

    public Tensor toTensor() {
        return tensor;
    }
}
