package org.dpocket.core;

/** What a person can act on: one sentence with what was found and what to do. Anything else that is thrown is a defect. */
public class DpException extends Exception {
    private static final long serialVersionUID = 1L;

    public DpException(String sentence) {
        super(sentence);
    }

    public DpException(String sentence, Throwable cause) {
        super(sentence, cause);
    }
}
