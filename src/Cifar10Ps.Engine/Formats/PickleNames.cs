namespace Cifar10Ps.Formats;

/// <summary>
/// Which names a pickle may contain besides weights. Nothing is ever run, so a name is harmless here; but a file that would run something
/// when Python opens it is not to be trusted, and is refused because of that name.
/// </summary>
/// <remarks>
/// Three rules. Of Python's own modules only data types are allowed, because the others reach the machine and the interpreter. Of PyTorch
/// and NumPy, which are installed wherever such a file is opened, public functions may be named but not called: <c>torch.load</c>. All
/// other classes and functions are opaque, whatever their names.
/// </remarks>
internal static class PickleNames
{
    // Including those of Python 2, and what every installation also has.
    private static readonly HashSet<string> PythonModules = Words("""
        __builtin__ __future__ _ast _asyncio _bisect _bootsubprocess _bz2 _codecs _collections _collections_abc _compat_pickle
        _compression _contextvars _crypt _csv _ctypes _curses _datetime _dbm _decimal _distutils_hack _elementtree
        _frozen_importlib _frozen_importlib_external _functools _gdbm _hashlib _heapq _imp _interpreters _io _json _locale _lsprof
        _lzma _markupbase _multiprocessing _opcode _operator _osx_support _overlapped _pickle _posixshmem _posixsubprocess
        _pydecimal _pyio _queue _random _scproxy _signal _sitebuiltins _socket _sqlite3 _sre _ssl _stat _statistics _string
        _strptime _struct _symtable _thread _threading_local _tkinter _tokenize _tracemalloc _typing _uuid _warnings _weakref
        _weakrefset _winapi _winreg _zoneinfo abc aifc anydbm argparse array ast asynchat asyncio asyncore atexit audioop base64
        BaseHTTPServer bdb binascii bisect builtins bz2 cProfile cPickle cStringIO calendar cgi cgitb chunk cmath cmd code codecs
        codeop collections colorsys commands compileall compiler compression concurrent configparser ConfigParser contextlib
        contextvars cookielib copy copy_reg copyreg crypt csv ctypes curses dataclasses datetime dbhash dbm decimal difflib
        dircache dis distutils doctest dummy_thread easy_install email encodings ensurepip enum errno exceptions faulthandler
        fcntl filecmp fileinput fnmatch fractions ftplib functools future_builtins gc genericpath getopt getpass gettext glob
        graphlib grp gzip hashlib heapq hmac html htmlentitydefs htmllib HTMLParser http httplib idlelib imaplib imghdr imp
        importlib inspect io ipaddress itertools json keyword lib2to3 linecache locale logging lzma macpath mailbox mailcap
        marshal math mhlib mimetypes mimetools mmap modulefinder msilib msvcrt multiprocessing mutex netrc new nis nntplib nt
        ntpath nturl2path numbers opcode operator optparse os os2emxpath ossaudiodev parser pathlib pdb pickle pickletools pip
        pipes pkg_resources pkgutil platform plistlib popen2 poplib posix posixfile posixpath pprint profile pstats pty pwd
        py_compile pyclbr pydoc pydoc_data pyexpat queue Queue quopri random re readline repr reprlib resource rexec rlcompleter
        runpy sched secrets select selectors setuptools shelve shlex shutil signal SimpleHTTPServer site smtpd smtplib sndhdr
        socket SocketServer socketserver spwd sqlite3 sre sre_compile sre_constants sre_parse ssl stat statistics statvfs string
        StringIO stringprep struct subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios test
        textwrap this thread threading time timeit Tkinter tkinter token tokenize tomllib trace traceback tracemalloc ttk tty
        turtle turtledemo types typing unicodedata unittest urllib urllib2 urlparse user UserDict UserList UserString uu uuid venv
        warnings wave weakref webbrowser wheel whichdb winreg winsound wsgiref xdrlib xml xmlrpc xmlrpclib zipapp zipfile
        zipimport zlib zoneinfo
        """);

    // Modules that only contain data types.
    private static readonly HashSet<string> DataModules = Words("""
        _collections _collections_abc _datetime _decimal argparse array collections collections.abc configparser ConfigParser
        datetime decimal enum exceptions fractions ipaddress math numbers optparse pathlib pathlib._local random UserDict UserList
        uuid zoneinfo
        """);

    private static readonly HashSet<string> DataNames = Words("""
        _codecs.encode copy_reg.__newobj__ copy_reg._reconstructor copyreg.__newobj__ copyreg.__newobj_ex__ copyreg._reconstructor
        functools.partial _functools.partial io.BytesIO io.StringIO _io.BytesIO _io.StringIO logging.Logger logging.getLogger
        re._compile time.struct_time types.GenericAlias types.MappingProxyType types.NoneType types.SimpleNamespace typing.Any
        typing.List typing.Dict typing.Optional typing.Tuple typing.Union typing._GenericAlias
        """);

    private static readonly HashSet<string> BuiltinTypes = Words("""
        bool bytearray bytes complex dict float frozenset int list long object range set slice str tuple type unicode xrange
        """);

    // Types whose names are not capitalised, and NumPy's constructor of numbers.
    private static readonly HashSet<string> UncapitalisedTypes = Words("""
        device dtype finfo iinfo layout memory_format ndarray recarray matrix record scalar datetime64 timedelta64
        """);

    /// <summary>Whether a pickle may name something.</summary>
    public static bool MayBeNamed(PickleGlobal global)
    {
        string[] parts = global.Name.Split('.');
        if (!global.Module.Split('.').Concat(parts).All(IsIdentifier))
            return false;
        // A name may lead through a class to a nested one, but not through a module to another module.
        if (parts.Length > 1 && parts[..^1].Any(IsPublicFunction))
            return false;
        string top = TopOf(global.Module);
        if (top is "builtins" or "__builtin__")
            return BuiltinTypes.Contains(global.Name) || IsCapitalised(global.Name) || IsGetAttribute(global);
        return !PythonModules.Contains(top) || DataModules.Contains(global.Module) || DataNames.Contains(global.ToString());
    }

    /// <summary>Whether it is the function by which protocol 2 names what is nested in a class.</summary>
    public static bool IsGetAttribute(PickleGlobal global) => global is { Module: "builtins" or "__builtin__", Name: "getattr" };

    /// <summary>Whether a pickle may call something that it may name.</summary>
    public static bool MayBeCalled(PickleGlobal global)
    {
        string name = global.Name[(global.Name.LastIndexOf('.') + 1)..];
        return !IsPublicFunction(name) || TopOf(global.Module) switch
        {
            "torch" or "numpy" => UncapitalisedTypes.Contains(name),
            string top => !PythonModules.Contains(top) || !global.Name.Contains('.', StringComparison.Ordinal),
        };
    }

    private static string TopOf(string module) => module.Split('.', 2)[0];

    /// <summary>Whether a name is that of a public function or module, in lower case, following Python's style guide.</summary>
    private static bool IsPublicFunction(string name) => !IsCapitalised(name) && !name.StartsWith('_');

    private static bool IsCapitalised(string name) => char.IsUpper(name[0]);

    private static bool IsIdentifier(string name) =>
        name.Length > 0 && !char.IsDigit(name[0]) && name.All(c => c == '_' || char.IsLetterOrDigit(c));

    private static HashSet<string> Words(string text) => [.. text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)];
}
