using LibObjectFile;
using LibObjectFile.Elf;
using LibObjectFile.MachO;
using LibObjectFile.PE;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Cifar10Ps.Build;

/// <summary>A symbol that a library imports.</summary>
/// <param name="Library">The library that must have it; null if any may.</param>
/// <param name="Symbol">Its name, or # and its ordinal.</param>
/// <param name="Version">The version of the symbol in ELF files, such as GLIBC_2.34; otherwise null.</param>
internal readonly record struct Import(string? Library, string Symbol, string? Version = null);

/// <summary>What a native library exports and imports, read from its PE, Mach-O or ELF file.</summary>
/// <param name="Name">What others call it: its install name in Mach-O, elsewhere the name of its file.</param>
/// <param name="Machine">Format and processor, such as <c>ELF X86_64</c>.</param>
/// <param name="Needs">The libraries that it needs in order to load.</param>
/// <param name="Imports">The symbols that it needs in order to load or run.</param>
/// <param name="Exports">The symbols that it exports; in PE files also their ordinals.</param>
internal sealed record NativeLibrary(string Name, string Machine, string[] Needs, Import[] Imports, HashSet<string> Exports)
{
    private const ushort WeakReference = 0x40; // N_WEAK_REF in the description of a Mach-O symbol

    /// <summary>Reads a library; for a universal one, the part for Arm64.</summary>
    /// <exception cref="InvalidDataException">The file is not a library, or is damaged.</exception>
    public static NativeLibrary Read(string path)
    {
        using FileStream file = File.OpenRead(path);
        try
        {
            if (ElfFile.IsElf(file))
                return ReadElf(Path.GetFileName(path), ElfFile.Read(file, new ElfReaderOptions { UseSubStream = true }));
            if (MachOFatFile.IsFat(file))
                return ReadMachO(MachOFatFile.Read(file, new MachOReaderOptions { UseSubStream = true })
                    .Slices.Single(s => s.CpuType == MachOCpuType.Arm64).File!);
            return MachOFile.IsMachO(file)
                ? ReadMachO(MachOFile.Read(file, new MachOReaderOptions { UseSubStream = true }))
                : ReadPE(Path.GetFileName(path), PEFile.Read(file, new PEImageReaderOptions { UseSubStream = true }));
        }
        // An IOException too: a damaged file names positions that no file of its file system can have.
        catch (Exception e) when (e is ObjectFileException or IOException or InvalidOperationException or ArgumentException)
        {
            throw new InvalidDataException($"'{path}' is not a native library, or is damaged: {e.Message}", e);
        }
    }

    private static NativeLibrary ReadPE(string name, PEFile file)
    {
        var imports = (file.Directories.Import?.Entries ?? [])
            .Select(e => (Library: e.ImportDllNameLink.Resolve()!, Symbols: e.ImportLookupTable.Entries));
        var delayed = (file.Directories.DelayImport?.Entries ?? [])
            .Select(e => (Library: e.DllName.Resolve()!, Symbols: e.DelayImportNameTable.Entries));
        var all = imports.Concat(delayed).ToArray();
        PEExportDirectory? exports = file.Directories.Export;
        return new(name, $"PE {file.CoffHeader.Machine}", [.. all.Select(i => i.Library)],
            [.. from import in all from symbol in import.Symbols
                select new Import(import.Library, symbol.IsImportByOrdinal ? $"#{symbol.Ordinal}" : symbol.HintName.Resolve().Name!)],
            [.. (exports?.ExportNameTable?.Values ?? []).Select(e => e.Resolve()!),
                .. (exports?.ExportFunctionAddressTable?.Values ?? []).Select((_, i) => $"#{exports!.OrdinalBase + i}")]);
    }

    private static NativeLibrary ReadMachO(MachOFile file)
    {
        MachODylibCommand[] libraries = [.. file.LinkedLibraries];
        MachOSymbol[] symbols = [.. file.ReadSymbolTable().Where(s => s is { IsExternal: true, IsDebug: false })];
        // The ordinal of a symbol is the position of its library, from one; other values are special: any library may have it.
        return new(file.IdDylib?.Name ?? "", $"Mach-O {file.CpuType}", [.. libraries.Where(l => !l.IsWeak).Select(l => l.Name)],
            [.. symbols.Where(s => s.Kind == MachOSymbolKind.Undefined && (s.Description & WeakReference) == 0)
                .Select(s => new Import(libraries.ElementAtOrDefault(s.LibraryOrdinal - 1)?.Name, s.Name))],
            [.. symbols.Where(s => s.Kind != MachOSymbolKind.Undefined && !s.IsPrivateExternal).Select(s => s.Name)]);
    }

    private static NativeLibrary ReadElf(string name, ElfFile file)
    {
        ElfSymbol[] symbols =
            [.. file.Sections.OfType<ElfSymbolTable>().Single(t => t.Type == ElfSectionType.DynamicLinkerSymbolTable).Entries];
        byte[] versions = Content(file, ElfSectionType.GnuVersionSymbolTable, out _);
        Dictionary<int, (string Library, string Version, bool IsWeak)> needs = ReadVersionNeeds(file);
        List<Import> imports = [];
        HashSet<string> exports = [];
        for (int i = 0; i < symbols.Length; i++)
        {
            ElfSymbol symbol = symbols[i];
            if (symbol.Name.IsEmpty || symbol.Bind == ElfSymbolBind.Local)
                continue;
            // Bit 15 of a version's index means "hidden".
            int version = versions.Length == 0 ? 0 : ReadUInt16LittleEndian(versions.AsSpan(i * sizeof(ushort))) & 0x7fff;
            if (!symbol.SectionLink.IsEmpty)
                exports.Add(symbol.Name.Value);
            else if (!needs.TryGetValue(version, out var need))
                imports.AddRange(symbol.Bind == ElfSymbolBind.Weak ? [] : [new Import(null, symbol.Name.Value)]);
            else if (symbol.Bind != ElfSymbolBind.Weak && !need.IsWeak)
                imports.Add(new(need.Library, symbol.Name.Value, need.Version));
        }

        string[] libraries = [.. file.Sections.OfType<ElfDynamicLinkingTable>().SelectMany(t => t.GetNeededLibraries())];
        string machine = file.Arch.Value.ToString().Replace("EM_", "", StringComparison.Ordinal);
        return new(name, $"ELF {machine}", libraries, [.. imports], exports);
    }

    /// <summary>The versions of imported symbols, by their index: a chain of libraries, each with a chain of versions.</summary>
    private static Dictionary<int, (string Library, string Version, bool IsWeak)> ReadVersionNeeds(ElfFile file)
    {
        Dictionary<int, (string, string, bool)> needs = [];
        ReadOnlySpan<byte> table = Content(file, ElfSectionType.GnuVersionNeedsSection, out ElfStringTable? names);
        for (int at = 0, next = 1; table.Length > 0 && next != 0; at += next)
        {
            next = ReadInt32LittleEndian(table[(at + 12)..]);
            int entry = at + ReadInt32LittleEndian(table[(at + 8)..]);
            for (int left = ReadUInt16LittleEndian(table[(at + 2)..]); left > 0; left--)
            {
                needs[ReadUInt16LittleEndian(table[(entry + 6)..]) & 0x7fff] = (Name(table[(at + 4)..]), Name(table[(entry + 8)..]),
                    (ReadUInt16LittleEndian(table[(entry + 4)..]) & VersionNeed.Weak) != 0);
                entry += ReadInt32LittleEndian(table[(entry + 12)..]);
            }
        }

        return needs;

        string Name(ReadOnlySpan<byte> offset) => names!.TryGetString(ReadUInt32LittleEndian(offset), out string? name) ? name
            : throw new InvalidOperationException("A name of a version is missing.");
    }

    private static byte[] Content(ElfFile file, ElfSectionType type, out ElfStringTable? names)
    {
        ElfStreamSection? section = file.Sections.OfType<ElfStreamSection>().SingleOrDefault(s => s.Type == type);
        names = section?.Link.Section as ElfStringTable;
        if (section is null)
            return [];
        byte[] content = new byte[section.Stream.Length];
        section.Stream.Position = 0;
        section.Stream.ReadExactly(content);
        return content;
    }
}
