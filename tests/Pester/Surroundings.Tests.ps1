BeforeAll { . $PSScriptRoot/Setup.ps1 }

Describe 'A folder named <_>' -ForEach 'with blanks', 'with [brackets]', 'größe – 大小 ё' {
    BeforeAll {
        $folder = (New-Item "$TestDrive/$_" -ItemType Directory).FullName
        $png = [Convert]::FromBase64String('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC')
        [IO.File]::WriteAllBytes("$folder/bild [1] ü.png", $png)
    }

    It 'takes a model and gives it back' {
        $model | Save-Model -LiteralPath "$folder/möd [1].safetensors"
        (Get-ChildItem -LiteralPath $folder -Filter *.safetensors | Import-Model).Name | Should -Be 'ResNet-20'
        (Import-Model -LiteralPath "$folder/möd [1].safetensors").Name | Should -Be 'ResNet-20'
        (Import-Model "$([WildcardPattern]::Escape($folder))/m*").Name | Should -Be 'ResNet-20'
    }

    It 'holds pictures to guess' {
        (Get-ChildItem -LiteralPath $folder -Filter *.png | Invoke-Inference $model).Path | Should -Be "$folder/bild [1] ü.png"
    }

    It 'takes a run, which goes on there' {
        $null = $data | Start-ModelTraining (New-ResNet20) @quick -OutputDirectory $folder/run | Select-Object -First 1
        (Start-ModelTraining -Dataset $data -ResumeFrom $folder/run).Epoch | Should -Be 2
        "$folder/run/model.safetensors" -replace '[[\]]', '`$0' | Should -Exist
    }
}

Describe 'A drive of PowerShell' {
    BeforeAll {
        $root = New-Item "$TestDrive/drive" -ItemType Directory
        $null = New-PSDrive -Name Nets -PSProvider FileSystem -Root $root -Scope Global
    }

    AfterAll { Remove-PSDrive Nets -Scope Global }

    It 'takes models and runs' {
        $model | Save-Model Nets:/a.safetensors
        (Import-Model Nets:/a*).Name | Should -Be 'ResNet-20'
        $null = $data | Start-ModelTraining (New-ResNet20) -Epochs 1 -BatchSize 32 -OutputDirectory Nets:/run
        "$root/run/model.safetensors" | Should -Exist
        Start-ModelTraining -Dataset $data -ResumeFrom Nets:/run -Epochs 2 -WarningAction SilentlyContinue |
            ForEach-Object Epoch | Should -Be 2
        Push-Location Nets:/
        try { (Import-Model a.safetensors).Name | Should -Be 'ResNet-20' } finally { Pop-Location }
    }
}

Describe 'A read-only module, in a folder with a strange name, beside foreign libraries' -Skip:(!$IsLinux) {
    BeforeAll {
        # Links need the same file system.
        $parent = [IO.Path]::GetFullPath("$modulePath/../../nur lesen ü $([guid]::NewGuid())")
        $copy = "$parent/Cifar10Ps"
        $own = "$TestDrive/own"
        $null = New-Item $parent, $own -ItemType Directory
        & cp -a --link $modulePath $copy
        & chmod -R a-w $parent

        # Libraries with the same names as the module's, as another module may have brought.
        foreach ($name in 'SkiaSharp', 'Google.Protobuf', 'TorchSharp') {
            $assembly = [Reflection.Emit.PersistedAssemblyBuilder]::new("$name, Version=1.0.0.0", [object].Assembly)
            $null = $assembly.DefineDynamicModule($name).DefineType('Foreign').CreateType()
            $assembly.Save("$own/$name.dll")
        }

        # Root may write anything, so give that up. Another user might have no access to the home folder that PowerShell may be in.
        $unprivileged = if ((& id -u) -eq 0) { 'setpriv', '--bounding-set=-dac_override,-dac_read_search' } else { @() }
        $png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC'
        Set-Content $own/script.ps1 @"
            `$ErrorActionPreference = 'Stop'
            Get-ChildItem '$own/*.dll' | ForEach-Object { `$null = [Reflection.Assembly]::LoadFrom(`$_) }
            `$env:PSModulePath = '$parent'
            Import-Module Cifar10Ps
            try { [IO.File]::Create('$copy/new').Dispose(); 'writable' } catch { 'not writable' }
            `$model = New-ResNet20
            Get-Cifar10 -Synthetic -TrainCount 32 -TestCount 16 |
                Start-ModelTraining `$model -Epochs 1 -BatchSize 32 -OutputDirectory '$own/run' |
                ForEach-Object { "epoch `$(`$_.Epoch)" }
            [IO.File]::WriteAllBytes('$own/a.png', [Convert]::FromBase64String('$png'))
            (Invoke-Inference `$model '$own/a.png').Path
            (Get-Help Get-Cifar10).Synopsis
            [AppDomain]::CurrentDomain.GetAssemblies().GetName() | Where-Object Name -in SkiaSharp, TorchSharp |
                Group-Object Name | ForEach-Object { "`$(`$_.Name) `$(`$_.Count)" } | Sort-Object
"@
        $lines = & env @unprivileged env HOME=$own XDG_CACHE_HOME=$own pwsh -NoProfile -NonInteractive -File $own/script.ps1
    }

    AfterAll {
        & chmod -R u+w $parent
        Remove-Item $parent -Recurse -Force
    }

    It 'is imported, trains, reads pictures and has its help' {
        $lines | Should -Be 'not writable', 'epoch 1', "$own/a.png", (Get-Help Get-Cifar10).Synopsis, 'SkiaSharp 2', 'TorchSharp 2'
    }
}

Describe 'The lines of the README that install the module' {
    BeforeAll {
        $readme = Get-Content -Raw $PSScriptRoot/../../README.md
        $lines = [regex]::Match($readme, '(?s)## Install it into your own PowerShell.*?```powershell\r?\n(.*?)```').Groups[1].Value

        # Manifests in the place of a build.
        function Set-Build([string] $Version) {
            foreach ($name in 'Cifar10Ps', 'Cifar10Ps.Pretrained') {
                $folder = New-Item "$TestDrive/clone/artifacts/module/$name" -ItemType Directory -Force
                Set-Content "$folder/$name.psd1" "@{ ModuleVersion = '$Version' }"
            }
        }

        function Invoke-Lines {
            Set-Content "$TestDrive/install.ps1" @"
                `$ErrorActionPreference = 'Stop'
                `$env:PSModulePath = '$TestDrive/modules$([IO.Path]::PathSeparator)' + `$env:PSModulePath
                $lines
                "`$((Get-Module Cifar10Ps).Version)"
"@
            pwsh -NoProfile -NonInteractive -WorkingDirectory "$TestDrive/clone" -File "$TestDrive/install.ps1"
        }
    }

    It 'put a version beside the older ones, and may be repeated' {
        Set-Build 1.2.0
        Invoke-Lines | Should -Be '1.2.0'
        Invoke-Lines | Should -Be 'Cifar10Ps 1.2.0 is there already.', 'Cifar10Ps.Pretrained 1.2.0 is there already.', '1.2.0'
        Set-Build 1.10.0
        Invoke-Lines | Should -Be '1.10.0'
        (Get-ChildItem "$TestDrive/modules" -Recurse -File | ForEach-Object { $_.Directory.Name } | Sort-Object) -join ' ' |
            Should -Be '1.10.0 1.10.0 1.2.0 1.2.0'
    }
}
