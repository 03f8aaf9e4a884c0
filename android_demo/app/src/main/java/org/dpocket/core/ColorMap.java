package org.dpocket.core;

/**
 * Colours of maps, those of {@code runtime_py/pictures.py}: 256 steps each. The first diverges (matplotlib's RdBu_r, after
 * ColorBrewer by Cynthia Brewer): red is nearer than the focus plane, blue beyond it, near-white in focus. The second (cividis,
 * by Nuñez, Anderton and Renslow) goes from blue, not certain, to yellow, certain.
 */
public final class ColorMap {
    private static final int STEPS = 256;

    // RRGGBB of every step from the low end on.
    private static final int[] DIVERGING = colours(""
        + "05306106326307346608366909386c0a3a6f0b3c720c3e750d40780e437b0f457e114781124984134b87144d8a154f8d"
        + "1651901754931856951958981a5a9b1c5c9e1d5ea11e60a41f62a72064aa2166ac2368ad246aae256caf276db0286fb0"
        + "2971b12b73b22c75b32d76b42f78b5307ab6317cb7337db8347fb93581b93783ba3884bb3986bc3b88bd3c8abe3d8bbf"
        + "3f8dc0408fc14191c24393c34694c44996c54c98c64f9ac7529cc8559ec958a0ca5ba2cb5ea4cc61a6cd65a8ce68aacf"
        + "6bacd06eaed171b0d274b2d377b4d57ab6d67db8d780bad884bcd987beda8ac0db8dc2dc90c4dd93c5de95c6df98c8df"
        + "9ac9e09dcae19fcbe1a2cde2a4cee3a7cfe4a9d0e4abd2e5aed3e6b0d4e6b3d5e7b5d7e8b8d8e8bad9e9bddaeabfdceb"
        + "c2ddebc4deecc7dfedc9e1edcce2eecee3efd1e5f0d2e5f0d3e6f0d5e7f0d6e7f1d8e8f1d9e9f1dbe9f1dceaf2deebf2"
        + "dfecf2e1ecf3e2edf3e4eef3e5eef3e7eff4e8f0f4eaf1f4ebf1f4edf2f5eef3f5f0f3f5f1f4f6f3f5f6f4f5f6f6f6f6"
        + "f7f6f6f7f5f4f7f4f2f7f3f0f8f2eef8f0ecf8efeaf8eee8f9ede7f9ece5f9ebe3f9eae1f9e9dffae8ddfae7dbfae5d9"
        + "fae4d7fbe3d6fbe2d4fbe1d2fbe0d0fcdfcefcdeccfcddcafcdcc8fddbc7fcd8c4fcd6c1fbd4befbd2bcfbd0b9faceb6"
        + "faccb4facab1f9c7aef9c5abf9c3a9f8c1a6f8bfa3f8bda1f7bb9ef7b99bf7b799f6b496f6b293f5b090f5ae8ef5ac8b"
        + "f4aa88f4a886f4a683f3a380f2a07ef19e7cef9b7aee9878ed9676ec9374eb9072ea8e70e88b6ee7886ce6856ae58368"
        + "e48065e27d63e17b61e0785fdf755dde725bdd7059db6d57da6a55d96853d86551d7624fd6604dd45d4bd35a4ad15749"
        + "d05447ce5146cd4f45cc4c43ca4942c94641c7433fc6403ec53e3cc33b3bc2383ac03538bf3237be3036bc2d34bb2a33"
        + "b92732b82431b6212fb51f2eb41c2db2192bb0172aad162aaa1529a71429a41328a112289e11279b1027991027960f26"
        + "930e26900d258d0c258a0b24870a248409238108237e07227b06227805217504217203206f02206c011f69001f67001f");

    private static final int[] SEQUENTIAL = colours(""
        + "00224d00234f00235000245200255400265500265700275900285b00285c00295e002a60002a62002b64002c66002c67"
        + "002d69002e6b002f6d002f6f0030700030700031700031700432700833700b33700e347011356f14366f16366f18376f"
        + "1a386f1c386e1d396e1f3a6e213b6e223b6e243c6e253d6d273d6d283e6d2a3f6d2b3f6d2c406d2e416c2f426c30426c"
        + "31436c32446c34446c35456c36466c37466c38476c39486c3a486b3b496b3d4a6b3e4b6b3f4b6b404c6b414d6b424d6b"
        + "434e6b444f6b454f6b46506b47516b48516b49526b4a536b4b546c4c546c4d556c4e566c4e566c4f576c50586c51586c"
        + "52596c535a6c545a6c555b6d565c6d575d6d585d6d595e6d595f6d5a5f6d5b606e5c616e5d616e5e626e5f636e60646e"
        + "61646f61656f62666f63666f64676f656870666970676970686a70686b71696b716a6c716b6d716c6d726d6e726e6f72"
        + "6e70736f70737071737172737273747373747474757475757575757676767777767878767978777979777a7a777b7b77"
        + "7c7b787d7c787e7d787f7d78807e78817f788280788380788481788582788583788683788784788885788986788a8678"
        + "8b87788c88788d89788e89788f8a77908b77918c77928c77938d77948e77958f77968f779790769891769992769a9376"
        + "9b93769c94769d95759e96759f9675a09775a19874a29974a39a74a49a74a59b73a69c73a79d73a89e73a99e72aa9f72"
        + "aba072aca171ada271aea271afa370b0a470b1a570b2a66fb3a66fb4a76fb5a86eb6a96eb7aa6db8ab6db9ab6dbaac6c"
        + "bbad6cbcae6bbdaf6bbeb06abfb06ac1b169c2b269c3b368c4b468c5b567c6b567c7b666c8b765c9b865cab964cbba64"
        + "ccbb63cdbc62cebc62cfbd61d0be60d2bf60d3c05fd4c15ed5c25ed6c35dd7c35cd8c45bd9c55adac65adbc759dcc858"
        + "dec957dfca56e0cb55e1cc54e2cc53e3cd52e4ce51e5cf50e6d04fe8d14ee9d24dead34cebd44becd54aedd648eed747"
        + "efd846f1d944f2da43f3da42f4db40f5dc3ff6dd3df8de3bf9df3afae038fbe136fde234fde333fde534fde636fde737");

    private ColorMap() {}

    /** 0xFFRRGGBB of a value from -1 (blue) to 1 (red); what lies beyond has the colour of the end it passed, NaN of -1. */
    public static int signed(float value) {
        return signed(value, 1);
    }

    /** The same for a scale from -reach to +reach. */
    public static int signed(double value, double reach) {
        return DIVERGING[step(value, -reach, reach)];
    }

    /** 0xFFRRGGBB of a value from 0 (blue) to 1 (yellow), as {@link #signed(float)}. */
    public static int unsigned(double value) {
        return SEQUENTIAL[step(value, 0, 1)];
    }

    private static int step(double value, double low, double high) {
        double place = (value - low) / (high - low) * STEPS;
        return (int) Math.min(Math.max(place, 0), STEPS - 1);
    }

    private static int[] colours(String digits) {
        int[] colours = new int[STEPS];
        for (int i = 0; i < STEPS; i++) {
            colours[i] = 0xFF000000 | Integer.parseInt(digits.substring(6 * i, 6 * i + 6), 16);
        }
        return colours;
    }
}
