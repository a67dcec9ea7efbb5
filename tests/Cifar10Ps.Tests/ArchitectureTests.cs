using System.Text.RegularExpressions;
using ArchUnitNET.Domain;
using ArchUnitNET.Domain.Dependencies;
using ArchUnitNET.Loader;

namespace Cifar10Ps.Tests;

/// <summary>The rooms of the engine and the arrows between them, as drawn in docs/architecture.md, checked in the compiled code.</summary>
public sealed partial class ArchitectureTests
{
    private const string Engine = "Cifar10Ps.Engine", Families = "Networks.Families";

    /// <summary>What each room may name; everything in a room may also name that room.</summary>
    private static readonly Dictionary<string, string[]> Arrows = new()
    {
        ["Runtime"] = [],
        ["Distribution"] = ["Runtime"],
        ["Networks"] = ["Runtime"],
        ["Data"] = ["Runtime"],
        ["Models"] = ["Runtime", "Networks", "Data"],
        ["Formats"] = ["Runtime", "Networks", "Data", "Models"],
        ["Execution"] = ["Runtime", "Networks", "Data", "Models"],
        ["Inference"] = ["Runtime", "Distribution", "Networks", "Data", "Models", "Execution"],
        ["Training"] = ["Runtime", "Distribution", "Networks", "Data", "Models", "Execution", "Inference", "Formats"],
        ["Reporting"] = ["Runtime", "Distribution", "Networks", "Data", "Models", "Execution", "Inference", "Formats", "Training"],
    };

    private static readonly Architecture Assemblies = new ArchLoader().LoadFilteredDirectory(TestEnvironment.Module, "Cifar10Ps*.dll",
        SearchOption.AllDirectories).Build();

    private static readonly Dictionary<string, string> FolderOfPublicTypes = FindPublicTypes();

    [Fact]
    public void Arrows_between_the_rooms_go_one_way() =>
        Assert.Empty(Named().Where(use => use.From != use.To && !Arrows[Room(use.From)].Append(Room(use.From)).Contains(Room(use.To)))
            .Select(use => $"{use.Type} in {use.From} names {use.Target} in {use.To}").Distinct().Order());

    [Fact]
    public void Kernels_know_nothing_of_networks_and_of_those_who_call_them() =>
        Assert.Empty(Named().Where(use => use.From == "Execution.Kernels" && use.To is not ("Execution.Kernels" or "Runtime"))
            .Select(use => $"{use.Type} names {use.Target} in {use.To}").Distinct().Order());

    /// <summary>TorchSharp turns a number into an object that may be finalised while libtorch still reads it. Many of its methods do so
    /// unseen, such as square(), the sum of two tensors, and ToSingle(): they are found in its code.</summary>
    [Fact]
    public void Arithmetic_with_tensors_goes_through_operations_that_hold_their_numbers()
    {
        string[] holders = ["Cifar10Ps.Runtime.TensorArithmetic", "Cifar10Ps.Training.ShardedBatch"];
        Architecture torchSharp = new ArchLoader()
            .LoadFilteredDirectory(TestEnvironment.Module, "TorchSharp.dll", SearchOption.AllDirectories).Build();
        ILookup<string, string> callers = Calls(torchSharp).ToLookup(call => call.Target, call => call.Origin);
        HashSet<string> unheld = [];
        Stack<string> found = new(callers.Select(calls => calls.Key).Where(key => Conversion().IsMatch(key)));
        while (found.TryPop(out string? method))
        {
            if (!unheld.Add(method))
                continue;
            foreach (string caller in callers[method])
                found.Push(caller);
        }

        Assert.Contains(unheld, method => method.EndsWith("::square()", StringComparison.Ordinal));
        Assert.Empty(Calls(Assemblies)
            .Where(call => unheld.Contains(call.Target) && !(Conversion().IsMatch(call.Target) && holders.Any(call.Origin.Contains)))
            .Select(call => $"{call.Origin} calls {call.Target}").Distinct().Order());

        static IEnumerable<(string Origin, string Target)> Calls(Architecture assemblies) =>
            assemblies.Types.SelectMany(type => type.Dependencies.OfType<MethodCallDependency>())
                .Select(call => (call.OriginMember.FullName, call.TargetMember.FullName));
    }

    [Fact]
    public void A_family_is_named_in_its_room_and_by_the_cmdlets_that_make_its_members()
    {
        HashSet<string> families = [.. Assemblies.Classes.Where(type => FolderOf(type) == Families
            && type.InheritedClasses.Any(parent => parent.Name == "NetworkFamily")).Select(type => type.FullName)];
        Assert.Superset(new HashSet<string> { "Cifar10Ps.Networks.Families.CifarResNet", "Cifar10Ps.Networks.Families.ResNet" }, families);

        Assert.Empty(Assemblies.Types
            .Where(type => FolderOf(type) != Families && !type.FullName.StartsWith("Cifar10Ps.Commands.New", StringComparison.Ordinal))
            .SelectMany(type => type.Dependencies.Where(use => families.Contains(Outer(use.Target).FullName))
                .Select(use => $"{type.FullName} names {use.Target.Name}")).Distinct().Order());
    }

    [Fact]
    public void Namespaces_of_what_is_internal_follow_the_folders()
    {
        Assert.Empty(SourceFiles().Where(file => file.Folder.Length > 0 && !file.IsPublic && file.Namespace != NamespaceOf(file.Folder))
            .Select(file => $"{file.Path} is in {file.Namespace}"));
        Assert.Empty(SourceFiles().Where(file => file.IsPublic && file.Namespace != "Cifar10Ps")
            .Select(file => $"{file.Path} is in {file.Namespace}"));
        Assert.Empty(SourceFiles().GroupBy(file => file.Path).Where(file => file.Select(type => type.IsPublic).Distinct().Count() > 1)
            .Select(file => $"{file.Key} has public types and others"));
    }

    /// <summary>All uses of a type of the engine by another.</summary>
    private static IEnumerable<(string Type, string From, string Target, string To)> Named() =>
        from type in Assemblies.Types
        let room = FolderOf(type)
        where room is not null
        from use in type.Dependencies
        let target = FolderOf(use.Target)
        where target is not null
        select (type.Name, room, use.Target.Name, target);

    /// <summary>The first part of a folder's name: <c>Execution</c> of <c>Execution.Kernels</c>.</summary>
    private static string Room(string folder) => folder.Split('.')[0];

    /// <summary>The folder of a type of the engine, with dots; null if it is not one.</summary>
    private static string? FolderOf(IType type)
    {
        IType outer = Outer(type);
        return outer.Assembly?.Name.StartsWith(Engine, StringComparison.Ordinal) != true ? null
            : FolderOfPublicTypes.TryGetValue(outer.FullName, out string? folder) ? folder
            : outer.Namespace.FullName.StartsWith("Cifar10Ps.", StringComparison.Ordinal)
                ? Folder(outer.Namespace.FullName["Cifar10Ps.".Length..]) : null;
    }

    /// <summary>The type that a nested type belongs to.</summary>
    private static IType Outer(IType type) =>
        type.FullName.IndexOfAny(['+', '/']) is int end and > 0
            && Assemblies.Types.FirstOrDefault(outer => outer.FullName == type.FullName[..end]) is { } found ? found : type;

    private static string NamespaceOf(string folder) => $"Cifar10Ps.{Folder(folder)}";

    /// <summary>Families and kernels have rules of their own; all other folders in a room are only for tidiness.</summary>
    private static string Folder(string folder) => folder is Families or "Execution.Kernels" ? folder : Room(folder);

    private static Dictionary<string, string> FindPublicTypes() =>
        SourceFiles().Where(type => type.IsPublic)
            .ToDictionary(type => $"{type.Namespace}.{type.Name}", type => Folder(type.Folder), StringComparer.Ordinal);

    /// <summary>The top-level types that the engine's files declare.</summary>
    private static IEnumerable<(string Path, string Folder, string Namespace, string Name, bool IsPublic)> SourceFiles()
    {
        string root = Path.Combine(TestEnvironment.Root, "src", Engine);
        foreach (string file in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories))
        {
            string path = Path.GetRelativePath(root, file),
                folder = (Path.GetDirectoryName(path) ?? "").Replace(Path.DirectorySeparatorChar, '.');
            if (folder.Split('.')[0] is "bin" or "obj")
                continue;
            string text = File.ReadAllText(file), space = Namespace().Match(text).Groups[1].Value;
            foreach (Match type in Declaration().Matches(text))
                yield return (path, folder, space, type.Groups["name"].Value, type.Groups["access"].Value == "public");
        }
    }

    [GeneratedRegex(@"Scalar::op_Implicit\(|::ToScalar\(")]
    private static partial Regex Conversion();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(
        @"^(?<access>public|internal) (?:(?:sealed|static|abstract|unsafe|partial|readonly|ref) )*"
        + @"(?:class|struct|interface|enum|record(?: struct)?) (?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex Declaration();
}
