package org.dpocket.core;

import java.nio.ByteBuffer;

/**
 * What a model's manifest ({@code dpocket export} writes it beside the model, under its name and ".json") says of it.
 *
 * <p>The runtimes' native code trusts what is inside a model file: a damaged one can end the whole process, and no Java code could
 * say why. Native code is therefore given nothing that {@link #check} did not let pass.
 */
public final class ModelManifest {
    /** File name of the model. */
    public final String model;
    public final String sha256;
    public final Contract contract;
    private final double bytes;

    private ModelManifest(Fields fields) throws DpException {
        model = fields.text("artifact");
        sha256 = fields.text("sha256");
        bytes = fields.number("bytes");
        contract = Contract.of(fields.object("contract"));
    }

    /** @throws DpException that names the field where {@code json} is no manifest */
    public static ModelManifest parse(String json) throws DpException {
        return new ModelManifest(Json.fields(json, "the model's manifest"));
    }

    /** @throws DpException unless {@code content}, whatever its position, is the file that this manifest describes */
    public void check(ByteBuffer content) throws DpException {
        ByteBuffer whole = content.duplicate();
        whole.clear();
        String found = new Sha256().add(whole).hex();
        if (bytes != content.capacity() || !sha256.equals(found)) {
            throw new DpException(model + " is not the file that its manifest describes (" + content.capacity() + " bytes, sha256 "
                + found.substring(0, 12) + "…): it is damaged or was replaced; install the app again");
        }
    }
}
