package org.dpocket.core;

import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;

/** What went wrong, in a sentence that says what to do. */
public final class Words {
    private Words() {}

    /** Never null or empty, whatever was thrown. */
    public static String of(Throwable thrown) {
        String message = thrown.getMessage();
        String detail = message == null || message.isEmpty() ? thrown.getClass().getSimpleName() : message;
        if (thrown instanceof OutOfMemoryError) {
            return "There is not enough memory for this capture; close other apps, or pick a smaller one.";
        }
        if (thrown instanceof UnsatisfiedLinkError || thrown instanceof NoClassDefFoundError) {
            return "A native library is missing from this build: " + detail
                + ". Build the app as its README says, or choose the other runtime.";
        }
        if (thrown instanceof SecurityException) {
            return "Android did not allow it: " + detail + ". Pick the file again.";
        }
        if (thrown instanceof FileNotFoundException) {
            return "The file is not there any more: " + detail + ". Pick it again.";
        }
        if (thrown instanceof EOFException) {
            return "The file ends too early; copy it again.";
        }
        if (thrown instanceof DpException) {
            return detail;
        }
        if (thrown instanceof IOException) {
            return "The file cannot be read or written: " + detail + ".";
        }
        return "This should not have happened (" + thrown.getClass().getSimpleName() + ": " + detail + "); please report it.";
    }
}
