package org.dpocket.engine;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import org.dpocket.core.DpException;

/** A model's bytes. */
public final class ModelFile {
    /** A student has some hundred KiB. */
    public static final int MOST_BYTES = 256 << 20;

    private ModelFile() {}

    /** The whole file in a direct buffer, at position 0. @throws DpException for a file that is missing, empty or too large */
    public static ByteBuffer read(File file) throws DpException {
        try (FileInputStream stream = new FileInputStream(file)) {
            FileChannel channel = stream.getChannel();
            long size = channel.size();
            if (size == 0 || size > MOST_BYTES) {
                throw new DpException("the model " + file.getName() + " has " + size + " bytes; a model has 1 to " + MOST_BYTES
                    + ". Build the app anew");
            }
            ByteBuffer content = ByteBuffer.allocateDirect((int) size).order(ByteOrder.LITTLE_ENDIAN);
            while (content.hasRemaining() && channel.read(content) >= 0) {
                // A read may bring a part only.
            }
            if (content.hasRemaining()) {
                throw new DpException("the model " + file.getName() + " became shorter while it was read; try again");
            }
            content.rewind();
            return content;
        } catch (IOException e) {
            throw new DpException("the model " + file.getName() + " cannot be read (" + e.getMessage() + "); build the app anew", e);
        }
    }
}
