// Evaluates Gradle scripts without Gradle and prints, as JSON, what they set: {"android.defaultConfig.minSdk": [26], ...}.
// Every block, call and property is recorded under its path; nothing of Android's plugin is known here.

import groovy.json.JsonOutput

class Recorder {
    Map found
    String path

    Recorder(Map found, String path) {
        this.found = found
        this.path = path
    }

    private String below(String name) { path ? path + '.' + name : name }

    private void note(String key, value) {
        if (!found.containsKey(key)) { found[key] = [] }
        found[key].addAll(value instanceof Collection ? value : [value])
    }

    def methodMissing(String name, arguments) {
        List given = arguments as List
        String key = below(name)
        if (name == 'file' && given.size() == 1) { return given[0].toString() }
        List plain = given.findAll { !(it instanceof Closure) }
        if (!(given && plain.isEmpty())) { note(key, plain.collect { it instanceof Recorder ? it.path : it }) }
        Recorder inner = new Recorder(found, key)
        given.findAll { it instanceof Closure }.each { block -> inner.enter(block) }
        return inner
    }

    void enter(Closure block) {
        block.delegate = this
        block.resolveStrategy = Closure.DELEGATE_FIRST
        block.call()
    }

    def propertyMissing(String name) {
        // Names of types start with a capital letter: JavaVersion.VERSION_1_8 means itself wherever it stands.
        new Recorder(found, Character.isUpperCase(name.charAt(0)) ? lastCapital(name) : below(name))
    }

    private String lastCapital(String name) {
        String first = path.tokenize('.') ? path.tokenize('.').last() : ''
        first && Character.isUpperCase(first.charAt(0)) ? first + '.' + name : name
    }

    void propertyMissing(String name, value) { note(below(name), value instanceof Recorder ? value.path : value) }
}

// One line of JSON per script.
args.each { name ->
    def found = new TreeMap()
    def recorder = new Recorder(found, '')
    def script = new GroovyShell().parse(new File(name))
    script.metaClass.methodMissing = { String called, arguments -> recorder.methodMissing(called, arguments) }
    script.metaClass.propertyMissing = { String read -> recorder.propertyMissing(read) }
    script.run()
    println JsonOutput.toJson(found)
}
