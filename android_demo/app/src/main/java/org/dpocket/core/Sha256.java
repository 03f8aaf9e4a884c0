package org.dpocket.core;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** SHA-256 as 64 small hexadecimal digits. */
public final class Sha256 {
    private final MessageDigest digest;

    public Sha256() {
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            // Every Android and every Java platform has it.
            throw new IllegalStateException(e);
        }
    }

    public static String of(byte[] data) {
        return new Sha256().add(ByteBuffer.wrap(data)).hex();
    }

    /** Adds what lies between the buffer's position and limit. */
    public Sha256 add(ByteBuffer data) {
        digest.update(data);
        return this;
    }

    /** The hash of everything added; starts anew. */
    public String hex() {
        StringBuilder text = new StringBuilder(64);
        for (byte b : digest.digest()) {
            text.append(Character.forDigit(b >> 4 & 15, 16)).append(Character.forDigit(b & 15, 16));
        }
        return text.toString();
    }
}
